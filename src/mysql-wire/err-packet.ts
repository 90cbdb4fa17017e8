/** ERR packets. @see https://mariadb.com/kb/en/err_packet/ */
import { ByteReader } from './bytes.ts';
import { packetOf } from './framing.ts';

export interface ErrPacket {
  readonly errno: number;
  /** Five characters; HY000 when the packet has none. */
  readonly sqlState: string;
  readonly message: string;
}

/** The number that makes an ERR packet a progress report and no end. */
export const progressReport = 0xffff;

export function parseErr(payload: Buffer): ErrPacket {
  const reader = new ByteReader(payload, 1);
  const errno = reader.uint16('the error number');
  const text = reader.rest().toString();
  if (!text.startsWith('#')) return { errno, sqlState: 'HY000', message: text };
  return { errno, sqlState: text.slice(1, 6), message: text.slice(6) };
}

/** The payload. Before a client has named its capabilities, errors have no SQLSTATE (`withState` false). */
export function encodeErr(error: ErrPacket, withState = true): Buffer {
  const head = Buffer.from([0xff, error.errno & 0xff, error.errno >> 8]);
  return Buffer.concat([head, Buffer.from((withState ? `#${error.sqlState}` : '') + error.message)]);
}

export function errPacket(error: ErrPacket, sequenceId: number): Buffer {
  return packetOf(encodeErr(error), sequenceId);
}
