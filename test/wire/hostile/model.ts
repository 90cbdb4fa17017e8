/**
 * What an answer of a server is, once more and as plainly as possible: reads the whole of it packet by packet, as the
 * protocol's pages say. The scanner, which sees it in pieces and steps over most of it, must come to the same result.
 */
import { type ResponseShape, responseShape } from '#src/mysql-wire/commands.ts';

export type Verdict =
  /** It ends at this byte, with OK, EOF or ERR. */
  | { readonly kind: 'end'; readonly at: number }
  /** The server asks for a file: it goes on when the client has sent it. */
  | { readonly kind: 'file'; readonly at: number }
  /** More must come. */
  | { readonly kind: 'incomplete' }
  /** This is no answer. */
  | { readonly kind: 'invalid' };

const incomplete = new Error('incomplete');
const invalid = new Error('invalid');
const full = 0xff_ffff;
const largestLookedAt = 0x10_0000;
const moreResults = 8;
const cursorExists = 0x40;

class Packets {
  readonly #bytes: Buffer;
  #sequence = 1;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** First byte and length of the next packet, whose sequence id must be the next one. */
  peek(): { first: number; length: number } {
    const { length, left } = this.#header();
    if (length === 0) throw invalid;
    if (left < 5) throw incomplete;
    return { first: this.#bytes[this.at + 4] as number, length };
  }

  #header(): { length: number; left: number } {
    const left = this.#bytes.length - this.at;
    if (left < 4) throw incomplete;
    const length = this.#bytes.readUIntLE(this.at, 3);
    if (left < 5 && length > 0) throw incomplete;
    if (this.#bytes[this.at + 3] !== this.#sequence) throw invalid;
    return { length, left };
  }

  /** The payload of the next packet. */
  take(): Buffer {
    const { length } = this.peek();
    if (length > largestLookedAt) throw invalid;
    return this.#step(length);
  }

  /** Steps over it, and over what continues it. */
  skip(): void {
    let { length } = this.peek();
    this.#step(length);
    while (length === full) {
      length = this.#header().length;
      this.#step(length);
    }
  }

  #step(length: number): Buffer {
    const start = this.at + 4;
    if (this.#bytes.length < start + length) throw incomplete;
    this.at = start + length;
    this.#sequence = (this.#sequence + 1) & 0xff;
    return this.#bytes.subarray(start, this.at);
  }
}

/** Bytes of a length-encoded number; 0 where none can begin. */
function numberSize(first: number | undefined): number {
  if (first === undefined || first === 0xfb || first === 0xff) return 0;
  return first < 0xfb ? 1 : first === 0xfc ? 3 : first === 0xfd ? 4 : 9;
}

function uint16(payload: Buffer, at: number): number {
  if (payload.length < at + 2) throw invalid;
  return payload.readUInt16LE(at);
}

function statusOfOk(payload: Buffer): number {
  let at = 1;
  for (let number = 0; number < 2; number++) {
    const size = numberSize(payload[at]);
    if (size === 0) throw invalid;
    at += size;
  }
  return uint16(payload, at);
}

function columnCount(payload: Buffer): number {
  const size = numberSize(payload[0]);
  if (size === 0 || payload.length < size) throw invalid;
  const count =
    size === 1
      ? (payload[0] as number)
      : size === 9
        ? Number(payload.readBigUInt64LE(1))
        : payload.readUIntLE(1, size - 1);
  if (count === 0 || count > Number.MAX_SAFE_INTEGER) throw invalid;
  return count;
}

const isEof = (payload: Buffer): boolean => payload[0] === 0xfe && payload.length < 9;

/** Rows and their end; the status. Null: an error ended them. */
function rows(packets: Packets, deprecateEof: boolean): number | null {
  for (;;) {
    const { first, length } = packets.peek();
    if (first === 0xff) {
      uint16(packets.take(), 1);
      return null;
    }
    if (first === 0xfe && (deprecateEof ? length < full : length < 9)) {
      const payload = packets.take();
      return deprecateEof ? statusOfOk(payload) : uint16(payload, 3);
    }
    packets.skip();
  }
}

/** A result set behind its number of columns; its status, or null. */
function resultSet(packets: Packets, columns: number, deprecateEof: boolean, cursor: boolean): number | null {
  for (let column = 0; column < columns; column++) {
    if (packets.peek().first === 0xff) {
      uint16(packets.take(), 1);
      return null;
    }
    packets.skip();
  }
  if (!deprecateEof) {
    const payload = packets.take();
    if (payload[0] === 0xff) {
      uint16(payload, 1);
      return null;
    }
    if (payload[0] !== 0xfe) throw invalid;
    const status = uint16(payload, 3);
    // No rows follow a cursor that was asked for; flags of one inside of a stored program mean nothing.
    if (cursor && (status & cursorExists) !== 0 && (status & moreResults) === 0) return status;
  }
  return rows(packets, deprecateEof);
}

/** One or several results; true when the last thing was the request for a file. */
function results(packets: Packets, deprecateEof: boolean, before: number, cursor = false): boolean {
  let status: number | null = before;
  for (;;) {
    const payload = packets.take();
    const [first] = payload;
    if (first === 0xfb) return true;
    if (first === 0xff) {
      if (uint16(payload, 1) === 0xffff) continue;
      return false;
    }
    if (first === 0) status = statusOfOk(payload);
    else if (isEof(payload)) status = payload.length >= 5 ? payload.readUInt16LE(3) : status;
    else status = resultSet(packets, columnCount(payload), deprecateEof, cursor);
    if (status === null || (status & moreResults) === 0) return false;
  }
}

function prepared(packets: Packets, deprecateEof: boolean): void {
  const payload = packets.take();
  if (payload[0] === 0xff) {
    uint16(payload, 1);
    return;
  }
  if (payload[0] !== 0 || payload.length < 9) throw invalid;
  const lists = [payload.readUInt16LE(5), payload.readUInt16LE(7)];
  let left = lists.reduce((sum, length) => sum + length + (length > 0 && !deprecateEof ? 1 : 0), 0);
  for (; left > 1; left--) packets.skip();
  if (left === 1) packets.take();
}

function fieldList(packets: Packets): void {
  for (;;) {
    const { first, length } = packets.peek();
    if (first !== 0xff && !(first === 0xfe && length < 9)) {
      packets.skip();
      continue;
    }
    uint16(packets.take(), first === 0xff ? 1 : 3);
    return;
  }
}

/** `before` is the status that the connection had. */
export function verdictOn(
  bytes: Buffer,
  shape: ResponseShape,
  deprecateEof: boolean,
  before: number,
): Verdict {
  const packets = new Packets(bytes);
  try {
    let file = false;
    if (shape === responseShape.result || shape === responseShape.cursor)
      file = results(packets, deprecateEof, before, shape === responseShape.cursor);
    else if (shape === responseShape.prepare) prepared(packets, deprecateEof);
    else if (shape === responseShape.fieldList) fieldList(packets);
    else if (shape === responseShape.text) {
      const payload = packets.take();
      if (payload[0] === 0xff) uint16(payload, 1);
    } else {
      const status = rows(packets, deprecateEof);
      if (status !== null && (status & moreResults) !== 0) file = results(packets, deprecateEof, status);
    }
    return { kind: file ? 'file' : 'end', at: packets.at };
  } catch (error) {
    if (error === incomplete) return { kind: 'incomplete' };
    if (error === invalid) return { kind: 'invalid' };
    throw error;
  }
}
