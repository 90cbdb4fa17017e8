/**
 * Reading and writing the protocol's basic types: fixed integers, length-encoded integers and strings.
 * @see https://mariadb.com/kb/en/protocol-data-types/
 */
import { malformed } from './protocol-error.ts';

/** Reads fields of one payload, one after the other; reaching beyond it is a protocol error. */
export class ByteReader {
  readonly #buffer: Buffer;
  readonly #end: number;
  offset: number;

  constructor(buffer: Buffer, offset = 0, end = buffer.length) {
    this.#buffer = buffer;
    this.#end = end;
    this.offset = offset;
  }

  get left(): number {
    return this.#end - this.offset;
  }

  uint8(what: string): number {
    this.#need(1, what);
    return this.#buffer.readUInt8(this.offset++);
  }

  uint16(what: string): number {
    this.#need(2, what);
    this.offset += 2;
    return this.#buffer.readUInt16LE(this.offset - 2);
  }

  uint32(what: string): number {
    this.#need(4, what);
    this.offset += 4;
    return this.#buffer.readUInt32LE(this.offset - 4);
  }

  /** A length-encoded integer; beyond 2^53 is malformed here, where it only ever counts bytes, rows or columns. */
  lengthEncoded(what: string): number {
    const first = this.uint8(what);
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.uint16(what);
    if (first === 0xfd) {
      this.#need(3, what);
      this.offset += 3;
      return this.#buffer.readUIntLE(this.offset - 3, 3);
    }
    if (first !== 0xfe) throw malformed(`${what} begins with byte ${first}`);
    this.#need(8, what);
    this.offset += 8;
    const value = this.#buffer.readBigUInt64LE(this.offset - 8);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(`${what} is ${value}`);
    return Number(value);
  }

  /** Steps over a length-encoded integer of any size (an insert id uses all 64 bits). */
  skipLengthEncoded(what: string): void {
    const first = this.uint8(what);
    const size = first < 0xfb ? 0 : first === 0xfc ? 2 : first === 0xfd ? 3 : first === 0xfe ? 8 : -1;
    if (size < 0) throw malformed(`${what} begins with byte ${first}`);
    this.#need(size, what);
    this.offset += size;
  }

  /** The next `length` bytes, as a view. */
  bytes(length: number, what: string): Buffer {
    this.#need(length, what);
    this.offset += length;
    return this.#buffer.subarray(this.offset - length, this.offset);
  }

  lengthEncodedBytes(what: string): Buffer {
    return this.bytes(this.lengthEncoded(what), what);
  }

  /** Bytes up to a NUL, which is consumed too. */
  nulTerminated(what: string): Buffer {
    const end = this.#buffer.indexOf(0, this.offset);
    if (end < 0 || end >= this.#end) throw malformed(`${what} has no end`);
    const value = this.#buffer.subarray(this.offset, end);
    this.offset = end + 1;
    return value;
  }

  rest(): Buffer {
    const value = this.#buffer.subarray(this.offset, this.#end);
    this.offset = this.#end;
    return value;
  }

  #need(length: number, what: string): void {
    if (length > this.#end - this.offset) throw malformed(`${what} reaches beyond its packet`);
  }
}

export function lengthEncodedInteger(value: number): Buffer {
  if (value < 0xfb) return Buffer.from([value]);
  if (value < 0x1_0000) return Buffer.from([0xfc, value & 0xff, value >> 8]);
  if (value < 0x100_0000) {
    const buffer = Buffer.from([0xfd, 0, 0, 0]);
    buffer.writeUIntLE(value, 1, 3);
    return buffer;
  }
  const buffer = Buffer.alloc(9, 0xfe);
  buffer.writeBigUInt64LE(BigInt(value), 1);
  return buffer;
}

export function lengthEncodedBytes(value: Buffer): Buffer {
  return Buffer.concat([lengthEncodedInteger(value.length), value]);
}

export function nulTerminated(value: string): Buffer {
  return Buffer.from(`${value}\0`, 'utf8');
}
