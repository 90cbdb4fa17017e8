/**
 * AuthSwitchRequest and AuthMoreData.
 * @see https://mariadb.com/kb/en/connection/#authentication-switch-request
 */

import { nativePassword } from './auth-native.ts';
import { ByteReader, nulTerminated } from './bytes.ts';

export interface AuthSwitch {
  readonly plugin: string;
  /** Without the NUL that some servers put behind it. */
  readonly scramble: Buffer;
}

/** `payload` begins with 0xFE. */
export function parseAuthSwitch(payload: Buffer): AuthSwitch {
  const reader = new ByteReader(payload, 1);
  // The old password scheme of before 4.1 is asked for with the one byte.
  if (reader.left === 0) return { plugin: 'mysql_old_password', scramble: Buffer.alloc(0) };
  const plugin = reader.nulTerminated('the plugin name').toString();
  const data = reader.rest();
  const withNul = plugin === nativePassword || plugin === 'caching_sha2_password';
  const length = withNul && data.length > 0 && data[data.length - 1] === 0 ? data.length - 1 : data.length;
  return { plugin, scramble: Buffer.from(data.subarray(0, length)) };
}

export function encodeAuthSwitch(request: AuthSwitch): Buffer {
  const nul = request.plugin === 'client_ed25519' ? Buffer.alloc(0) : Buffer.from([0]);
  return Buffer.concat([Buffer.from([0xfe]), nulTerminated(request.plugin), request.scramble, nul]);
}

export function encodeAuthMoreData(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x01]), data]);
}
