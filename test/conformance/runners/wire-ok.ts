/**
 * OK packets as the raw client compares them: read by itself, for with the router's own code for that both would err
 * together.
 * @see https://mariadb.com/kb/en/ok_packet/
 */
import { headerBytes } from '#src/mysql-wire/framing.ts';

const sessionStateChanged = 0x4000;
const systemVariables = 0;

/** Where a length-encoded integer ends, and its value when it is short enough to be a length in an OK packet. */
function lengthEncoded(bytes: Buffer, at: number): { readonly value: number; readonly end: number } {
  const first = bytes[at] as number;
  if (first < 0xfb) return { value: first, end: at + 1 };
  const width = first === 0xfc ? 2 : first === 0xfd ? 3 : 6;
  return { value: bytes.readUIntLE(at + 1, width), end: at + (first === 0xfe ? 9 : width + 1) };
}

/** Where the status flags of an OK packet's payload are: behind affected rows and insert id. */
export function statusAt(payload: Buffer): number {
  return lengthEncoded(payload, lengthEncoded(payload, 1).end).end;
}

/**
 * The packet with its tracked variables in the order of their names. A server lists those that one statement changed as
 * they lie in its hash, by addresses: two servers disagree (see `leftOut` in exceptions.ts). Nothing else is
 * moved, and every byte is still compared.
 */
export function variablesInOrder(packet: Buffer): Buffer {
  const payload = packet.subarray(headerBytes);
  const flagsAt = statusAt(payload);
  if ((payload.readUInt16LE(flagsAt) & sessionStateChanged) === 0 || payload.length <= flagsAt + 4)
    return packet;
  const message = lengthEncoded(payload, flagsAt + 4);
  const all = lengthEncoded(payload, message.end + message.value);
  if (all.end + all.value !== payload.length) return packet;
  const changes: Buffer[] = [];
  for (let at = all.end; at < payload.length; ) {
    const data = lengthEncoded(payload, at + 1);
    changes.push(payload.subarray(at, data.end + data.value));
    at = data.end + data.value;
  }
  const variables = changes.filter(([type]) => type === systemVariables).sort(Buffer.compare);
  const ordered = changes.map((change) =>
    change[0] === systemVariables ? (variables.shift() as Buffer) : change,
  );
  return Buffer.concat([packet.subarray(0, headerBytes + all.end), ...ordered]);
}
