/** Answers of a server, packet by packet, for the tests of what follows them. */
import { packetOf } from '#src/mysql-wire/framing.ts';

/** Payloads as packets with sequence ids from `first` on. */
export function packets(payloads: readonly Buffer[], first = 1): Buffer {
  return Buffer.concat(payloads.map((payload, index) => packetOf(payload, (first + index) & 0xff)));
}

export const ok = (status = 2) => Buffer.from([0, 0, 0, status & 0xff, status >> 8, 0, 0]);
export const endOk = (status = 2) => Buffer.from([0xfe, 0, 0, status & 0xff, status >> 8, 0, 0]);
export const eof = (status = 2) => Buffer.from([0xfe, 0, 0, status & 0xff, status >> 8]);
export const err = (errno = 1064) =>
  Buffer.concat([Buffer.from([0xff, errno & 0xff, errno >> 8]), Buffer.from('#42000no')]);
export const column = Buffer.from('\x03def\0\0\0\x01a\0\x0c\x21\0\x01\0\0\0\x03\0\0\0\0\0', 'latin1');
export const row = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);

/** A text result set of one column. */
export function resultSet(rows: readonly string[], deprecateEof: boolean, status = 2): Buffer[] {
  const head = deprecateEof ? [Buffer.from([1]), column] : [Buffer.from([1]), column, eof(status)];
  return [...head, ...rows.map(row), deprecateEof ? endOk(status) : eof(status)];
}
