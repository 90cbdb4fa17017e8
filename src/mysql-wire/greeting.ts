/**
 * The server's first packet (protocol version 10) and the client's request for TLS.
 * @see https://mariadb.com/kb/en/connection/#initial-handshake-packet
 */
import { ByteReader, nulTerminated } from './bytes.ts';
import { capability } from './capabilities.ts';
import { malformed, ProtocolError } from './protocol-error.ts';

export interface Greeting {
  readonly serverVersion: string;
  /** What KILL takes. */
  readonly connectionId: number;
  /** 20 bytes without a NUL. */
  readonly scramble: Buffer;
  /** As an unsigned 32-bit number. */
  readonly capabilities: number;
  readonly extendedCapabilities: number;
  readonly collation: number;
  readonly status: number;
  readonly authPlugin: string;
}

export const scrambleBytes = 20;

export function encodeGreeting(greeting: Greeting): Buffer {
  const fixed = Buffer.alloc(31);
  greeting.scramble.copy(fixed, 4, 0, 8);
  fixed.writeUInt32LE(greeting.connectionId, 0);
  fixed.writeUInt16LE(greeting.capabilities & 0xffff, 13);
  fixed[15] = greeting.collation & 0xff;
  fixed.writeUInt16LE(greeting.status, 16);
  fixed.writeUInt16LE(greeting.capabilities >>> 16, 18);
  fixed[20] = scrambleBytes + 1;
  fixed.writeUInt32LE(greeting.extendedCapabilities >>> 0, 27);
  return Buffer.concat([
    Buffer.from([10]),
    nulTerminated(greeting.serverVersion),
    fixed,
    greeting.scramble.subarray(8, scrambleBytes),
    Buffer.from([0]),
    nulTerminated(greeting.authPlugin),
  ]);
}

/** Throws a ProtocolError: for a packet that is none, or with the server's own error in its place. */
export function parseGreeting(payload: Buffer): Greeting {
  const reader = new ByteReader(payload);
  const version = reader.uint8('the protocol version');
  if (version === 0xff) {
    const errno = reader.uint16('the error number');
    throw new ProtocolError(
      errno,
      '08S01',
      reader
        .rest()
        .toString()
        .replace(/^#...../, ''),
    );
  }
  if (version !== 10) throw malformed(`protocol version ${version} instead of 10`);
  const serverVersion = reader.nulTerminated('the server version').toString();
  const connectionId = reader.uint32('the connection id');
  const first = reader.bytes(8, 'the scramble');
  reader.uint8('the filler');
  const lower = reader.uint16('the capabilities');
  const collation = reader.uint8('the collation');
  const status = reader.uint16('the status');
  const capabilities = (lower | (reader.uint16('the capabilities') << 16)) >>> 0;
  const dataLength = reader.uint8('the length of the scramble');
  reader.bytes(6, 'the filler');
  const extended = reader.uint32('the extended capabilities');
  const second = reader.bytes(Math.max(12, dataLength - 9), 'the scramble').subarray(0, 12);
  if (reader.left > 0) reader.uint8('the filler');
  const authPlugin =
    (capabilities & capability.pluginAuth) !== 0 && reader.left > 0
      ? reader.rest().toString().replace(/\0.*$/s, '')
      : 'mysql_native_password';
  return {
    serverVersion,
    connectionId,
    scramble: Buffer.concat([first, second]),
    capabilities,
    extendedCapabilities: (capabilities & capability.mysql) === 0 ? extended : 0,
    collation,
    status,
    authPlugin,
  };
}
