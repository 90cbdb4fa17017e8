/**
 * Packets: three bytes of length, one of sequence id, the payload. A payload of 2^24 - 1 bytes or more goes in several
 * packets, of which all but the last are full; a last one may be empty.
 * @see https://mariadb.com/kb/en/0-packet/
 */
import { outOfOrder, tooLarge } from './protocol-error.ts';

export const headerBytes = 4;
export const maxPayloadBytes = 0xff_ffff;

/** One payload as packets, split where needed; `sequenceId` is that of the first. */
export function packetOf(payload: Buffer, sequenceId: number): Buffer {
  if (payload.length < maxPayloadBytes) {
    const packet = Buffer.allocUnsafe(headerBytes + payload.length);
    writeHeader(packet, 0, payload.length, sequenceId);
    payload.copy(packet, headerBytes);
    return packet;
  }
  const parts: Buffer[] = [];
  let sequence = sequenceId;
  for (let from = 0; ; from += maxPayloadBytes) {
    const length = Math.min(maxPayloadBytes, payload.length - from);
    const header = Buffer.allocUnsafe(headerBytes);
    writeHeader(header, 0, length, sequence++ & 0xff);
    parts.push(header, payload.subarray(from, from + length));
    if (length < maxPayloadBytes) return Buffer.concat(parts);
  }
}

/** A command packet: one byte of command and its arguments, sequence id 0. */
export function commandPacket(code: number, ...argument: readonly Buffer[]): Buffer {
  return packetOf(Buffer.concat([Buffer.from([code]), ...argument]), 0);
}

export function writeHeader(target: Buffer, at: number, length: number, sequenceId: number): void {
  target[at] = length & 0xff;
  target[at + 1] = (length >> 8) & 0xff;
  target[at + 2] = (length >> 16) & 0xff;
  target[at + 3] = sequenceId;
}

/** Length of the payload whose header begins at `at`. */
export function payloadLengthAt(buffer: Buffer, at: number): number {
  return (buffer[at] as number) | ((buffer[at + 1] as number) << 8) | ((buffer[at + 2] as number) << 16);
}

/** A payload put together from one or several packets. */
export interface Packet {
  readonly payload: Buffer;
  /** Sequence id of its last packet. */
  readonly sequenceId: number;
}

/**
 * Collects the bytes of a stream, however they are cut, and gives whole payloads: for the dialogues (handshakes) in
 * which every payload is small and looked at. Sequence ids must follow each other; `limitBytes` bounds what a peer can
 * make this side keep.
 */
export class PacketAssembler {
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  readonly #limitBytes: number;
  /** Sequence id that the next packet must have. */
  expectedSequenceId = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  push(chunk: Buffer): void {
    const kept = this.#end - this.#start;
    if (this.#end + chunk.length > this.#buffer.length) {
      // Doubling keeps a peer that sends byte by byte from costing a copy of everything each time.
      const size = Math.max(256, 2 * kept, kept + chunk.length);
      const grown = Buffer.allocUnsafe(size);
      this.#buffer.copy(grown, 0, this.#start, this.#end);
      this.#buffer = grown;
      this.#start = 0;
      this.#end = kept;
    }
    chunk.copy(this.#buffer, this.#end);
    this.#end += chunk.length;
  }

  /** The next whole payload, or undefined while it isn't there. Throws a ProtocolError. */
  next(): Packet | undefined {
    let at = this.#start;
    let sequenceId = this.expectedSequenceId;
    let total = 0;
    for (;;) {
      if (this.#end - at < headerBytes) return this.#checkLimit();
      const length = payloadLengthAt(this.#buffer, at);
      const got = this.#buffer[at + 3] as number;
      if (got !== sequenceId) throw outOfOrder(sequenceId, got);
      total += length;
      if (total > this.#limitBytes) throw tooLarge('this packet', this.#limitBytes);
      if (this.#end - at < headerBytes + length) return undefined;
      at += headerBytes + length;
      if (length < maxPayloadBytes) break;
      sequenceId = (sequenceId + 1) & 0xff;
    }
    const payload = this.#join(at, total);
    this.#start = at;
    this.expectedSequenceId = (sequenceId + 1) & 0xff;
    return { payload, sequenceId };
  }

  /** Received and not yet asked for. */
  get bytes(): number {
    return this.#end - this.#start;
  }

  /** Takes out what was received and not yet asked for. */
  takeRest(): Buffer {
    const rest = Buffer.from(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = Buffer.alloc(0);
    this.#start = 0;
    this.#end = 0;
    return rest;
  }

  #join(end: number, total: number): Buffer {
    const payload = Buffer.allocUnsafe(total);
    let to = 0;
    for (let at = this.#start; at < end; ) {
      const length = payloadLengthAt(this.#buffer, at);
      this.#buffer.copy(payload, to, at + headerBytes, at + headerBytes + length);
      to += length;
      at += headerBytes + length;
    }
    return payload;
  }

  #checkLimit(): undefined {
    if (this.#end - this.#start > this.#limitBytes + headerBytes * 2) {
      throw tooLarge('this packet', this.#limitBytes);
    }
    return undefined;
  }
}
