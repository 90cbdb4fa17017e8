/**
 * OK and EOF packets. With CLIENT_DEPRECATE_EOF a result set ends with an OK packet whose first byte is 0xFE.
 * @see https://mariadb.com/kb/en/ok_packet/
 */
import { ByteReader, lengthEncodedBytes, lengthEncodedInteger } from './bytes.ts';
import { packetOf } from './framing.ts';
import { malformed } from './protocol-error.ts';
import { encodeSchemaChange } from './session-track.ts';
import { serverStatus } from './status.ts';

export interface OkPacket {
  readonly affectedRows: number;
  /** Whether it names an insert id; which one nobody here asks. */
  readonly insertId: boolean;
  readonly status: number;
  readonly warnings: number;
  readonly message: Buffer;
  /** Tracked session state, still encoded (`session-track.ts`); undefined when the packet has none. */
  readonly changes: Buffer | undefined;
}

const nothing = Buffer.alloc(0);
/** An empty message. */
const nothingSaid = Buffer.from([0]);

/** An OK packet between `from` and `to`; `sessionTrack` as negotiated. Throws a ProtocolError. */
export function parseOk(buffer: Buffer, from: number, to: number, sessionTrack: boolean): OkPacket {
  const reader = new ByteReader(buffer, from + 1, to);
  const affectedRows = reader.lengthEncoded('the affected rows');
  const insertId = buffer[reader.offset] !== 0;
  reader.skipLengthEncoded('the insert id');
  const status = reader.uint16('the status');
  const warnings = reader.uint16('the warnings');
  const message = reader.left > 0 ? reader.lengthEncodedBytes('the message') : nothing;
  const tracked = sessionTrack && (status & serverStatus.sessionStateChanged) !== 0 && reader.left > 0;
  const changes = tracked ? reader.lengthEncodedBytes('the session state') : undefined;
  return { affectedRows, insertId, status, warnings, message, changes };
}

/** The status flags of an OK packet, without the rest: what every answer is asked for. */
export function okStatus(buffer: Buffer, from: number, to: number): number {
  let at = from + 1;
  at += lengthEncodedSize(buffer[at]);
  at += lengthEncodedSize(buffer[at]);
  if (at + 2 > to) throw malformed('an OK packet without status');
  return (buffer[at] as number) | ((buffer[at + 1] as number) << 8);
}

function lengthEncodedSize(first: number | undefined): number {
  if (first === undefined || first === 0xfb || first === 0xff) throw malformed('a number of an OK packet');
  return first < 0xfb ? 1 : first === 0xfc ? 3 : first === 0xfd ? 4 : 9;
}

/**
 * The same OK packet as a client without CLIENT_SESSION_TRACK gets it: no session state, no flag that announces it.
 * Header included; the sequence id stays.
 */
export function withoutSessionState(buffer: Buffer, from: number, to: number, sequenceId: number): Buffer {
  const reader = new ByteReader(buffer, from + 1, to);
  reader.skipLengthEncoded('the affected rows');
  reader.skipLengthEncoded('the insert id');
  const statusAt = reader.offset;
  const status = reader.uint16('the status');
  reader.uint16('the warnings');
  const headEnd = reader.offset;
  const message = reader.left > 0 ? reader.lengthEncodedBytes('the message') : Buffer.alloc(0);
  const head = Buffer.from(buffer.subarray(from, headEnd));
  head.writeUInt16LE(status & ~serverStatus.sessionStateChanged, statusAt - from);
  return packetOf(
    message.length === 0 ? head : Buffer.concat([head, lengthEncodedBytes(message)]),
    sequenceId,
  );
}

export interface OkFields {
  readonly status: number;
  readonly affectedRows?: number;
  readonly warnings?: number;
  /** Tells a client with CLIENT_SESSION_TRACK that this is its schema now. */
  readonly schema?: string;
}

/** A plain OK packet, header included. */
export function okPacket(fields: OkFields, sequenceId: number): Buffer {
  const { schema } = fields;
  const tail = Buffer.alloc(4);
  tail.writeUInt16LE(
    schema === undefined ? fields.status : fields.status | serverStatus.sessionStateChanged,
    0,
  );
  tail.writeUInt16LE(fields.warnings ?? 0, 2);
  const payload = [Buffer.from([0]), lengthEncodedInteger(fields.affectedRows ?? 0), Buffer.from([0]), tail];
  if (schema !== undefined) payload.push(nothingSaid, lengthEncodedBytes(encodeSchemaChange(schema)));
  return packetOf(Buffer.concat(payload), sequenceId);
}
