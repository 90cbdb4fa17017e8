/**
 * What a logged-in client sends: commands, of which one runs at a time; and uploads, which are passed on as they come
 * (a local file, or a command that is too long to keep). Bytes that come early wait, and stop the client from sending
 * more once there are many.
 */
import { headerBytes, maxPayloadBytes, payloadLengthAt } from '#src/mysql-wire/framing.ts';
import { outOfOrder, type ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import type { Channel } from '../channel.ts';

/** Longer commands are passed on while they arrive. */
export const largeCommandBytes = 1024 * 1024;
/** How much of a long command is there before it is looked at: the types of 65,535 parameters are in it. */
const prefixBytes = 160 * 1024;
const pauseAtBytes = 256 * 1024;
const nothing = Buffer.alloc(0);

export interface CommandHandler {
  /** A whole command packet, header included, valid during the call. Sets `busy` unless it is over already. */
  onCommand(buffer: Buffer, start: number, end: number): void;
  /** The beginning of a long one, header included; then `beginUpload`, or the end of the session. */
  onLargeCommand(beginning: Buffer): void;
  /** The last packet of an upload was passed on; its sequence id. */
  onUploadEnd(kind: UploadKind, sequenceId: number): void;
  /** A packet of an upload begins with which it is longer than its receiver takes; nothing of that packet was passed on. */
  onUploadTooLong(sequenceId: number): void;
  onProtocolError(error: ProtocolError): void;
}

export type UploadKind = 'command' | 'file';

interface Upload {
  readonly kind: UploadKind;
  readonly to: Channel;
  /** A command has less payload than this. */
  readonly limitBytes: number;
}

export class ClientStream {
  /** A command is under way: what comes waits. */
  busy = false;
  readonly #channel: Channel;
  readonly #handler: CommandHandler;
  /** What came and isn't handled yet lies between the two; what lay before may still be on its way to a server. */
  #pending: Buffer = nothing;
  #from = 0;
  #to = 0;
  /** So much has to be there before another look is worth it. */
  #needed = 0;
  #handling = false;
  #paused = false;
  #closed = false;
  #upload: Upload | undefined;
  /** Payload of the command that is passed on, as far as its packets have begun. */
  #payloadBytes = 0;
  /** Of the upload: payload bytes left of its present packet, and whether that is the last. */
  #left = 0;
  #last = false;
  #header: number[] = [];
  /** Of its last header. */
  #sequenceId = 0;
  /** What has come behind the command that is being handled. */
  bytesBehind = 0;

  constructor(channel: Channel, handler: CommandHandler) {
    this.#channel = channel;
    this.#handler = handler;
  }

  /** Takes what comes from now on. */
  listen(): void {
    this.#channel.onBytes = (chunk) => this.take(chunk);
  }

  take(chunk: Buffer): void {
    if (this.#closed) return;
    if (this.waitingBytes > 0) {
      this.#keep(chunk, 0);
      if (!this.busy && this.waitingBytes >= this.#needed) this.#drain();
      return;
    }
    if (this.#upload !== undefined) this.#keep(chunk, this.#passUpload(chunk));
    else if (this.busy) this.#keep(chunk, 0);
    else this.#keep(chunk, this.#commands(chunk, 0, chunk.length));
  }

  /** The command is over: the next one may begin. */
  ready(): void {
    this.busy = false;
    if (!this.#handling) this.#drain();
    this.#unpause();
  }

  /** The client has read what it was sent. */
  onClientDrain(): void {
    if (!this.busy && !this.#handling) this.#drain();
    this.#unpause();
  }

  /** The session has ended: what comes is read and thrown away, so that the client gets to see its end. */
  close(): void {
    this.#closed = true;
    this.#pending = nothing;
    this.#from = 0;
    this.#to = 0;
    this.#upload = undefined;
    this.#unpause();
  }

  /** The rest of a long command of less than `limitBytes` goes to `to`, or the file that the server asked for. */
  beginUpload(kind: UploadKind, to: Channel, limitBytes = Number.POSITIVE_INFINITY): void {
    this.#upload = { kind, to, limitBytes };
    if (kind === 'file') {
      this.#left = 0;
      this.#last = false;
      this.#header = [];
    }
    this.#consumed(this.#from + this.#passUpload(this.#pending.subarray(this.#from, this.#to)));
    this.#unpause();
  }

  /** No command is under way or waiting, whole or in part. */
  get idle(): boolean {
    return !this.busy && this.waitingBytes === 0;
  }

  get uploading(): boolean {
    return this.#upload !== undefined;
  }

  /** Bytes of commands that wait for their turn. */
  get waitingBytes(): number {
    return this.#to - this.#from;
  }

  #drain(): void {
    if (this.#closed || this.waitingBytes === 0) return;
    this.#handling = true;
    try {
      this.#consumed(this.#commands(this.#pending, this.#from, this.#to));
    } finally {
      this.#handling = false;
    }
  }

  /** What lies before `at` was handled. */
  #consumed(at: number): void {
    // Closed, or taken by an upload, meanwhile.
    if (at <= this.#from) return;
    this.#from = at;
    if (this.#from < this.#to) return;
    this.#pending = nothing;
    this.#from = 0;
    this.#to = 0;
  }

  /** Keeps what can't be handled yet. Doubling keeps a client that sends byte by byte from costing a copy each time. */
  #keep(chunk: Buffer, from: number): void {
    const more = chunk.length - from;
    if (more <= 0 || this.#closed) return;
    if (this.#to + more > this.#pending.length) {
      const kept = this.waitingBytes;
      const grown = Buffer.allocUnsafeSlow(Math.max(256, 2 * kept, kept + more));
      this.#pending.copy(grown, 0, this.#from, this.#to);
      this.#pending = grown;
      this.#from = 0;
      this.#to = kept;
    }
    chunk.copy(this.#pending, this.#to, from);
    this.#to += more;
    this.#pauseWhenFull();
  }

  /** Handles the commands between `from` and `to`; where it stopped. */
  #commands(buffer: Buffer, from: number, to: number): number {
    let at = from;
    this.#needed = 0;
    // A client that doesn't read gets no more to read.
    while (!this.busy && !this.#closed && !this.#channel.full) {
      if (to - at < headerBytes) return this.#needs(headerBytes, at);
      const length = payloadLengthAt(buffer, at);
      if (buffer[at + 3] !== 0) {
        this.busy = true;
        this.#handler.onProtocolError(outOfOrder(0, buffer[at + 3] as number));
        return to;
      }
      if (length > largeCommandBytes) {
        if (to - at < headerBytes + prefixBytes) return this.#needs(headerBytes + prefixBytes, at);
        const end = Math.min(to, at + headerBytes + length);
        this.busy = true;
        this.#left = length - (end - at - headerBytes);
        this.#last = length < maxPayloadBytes;
        this.#payloadBytes = length;
        this.#sequenceId = 0;
        this.#header = [];
        this.#pause();
        this.#handler.onLargeCommand(Buffer.from(buffer.subarray(at, end)));
        return end;
      }
      const end = at + headerBytes + length;
      if (end > to) return this.#needs(headerBytes + length, at);
      this.bytesBehind = to - end;
      this.#handler.onCommand(buffer, at, end);
      at = end;
    }
    return at;
  }

  #needs(bytes: number, at: number): number {
    this.#needed = bytes;
    return at;
  }

  /** Passes on what belongs to the upload; where it ended in the buffer. */
  #passUpload(buffer: Buffer): number {
    const upload = this.#upload as Upload;
    let at = 0;
    let over = false;
    while (!over) {
      const step = Math.min(this.#left, buffer.length - at);
      this.#left -= step;
      at += step;
      if (this.#left > 0) break;
      if (this.#last) {
        over = true;
        break;
      }
      while (this.#header.length < headerBytes && at < buffer.length) {
        this.#header.push(buffer[at++] as number);
      }
      if (this.#header.length < headerBytes) break;
      const [low = 0, middle = 0, high = 0, sequence = 0] = this.#header;
      this.#left = low | (middle << 8) | (high << 16);
      this.#sequenceId = sequence;
      this.#header = [];
      // A file ends with an empty packet, a command with one that isn't full.
      this.#last = upload.kind === 'file' ? this.#left === 0 : this.#left < maxPayloadBytes;
      if (upload.kind === 'file') continue;
      this.#payloadBytes += this.#left;
      if (this.#payloadBytes < upload.limitBytes) continue;
      this.#handler.onUploadTooLong(sequence);
      return buffer.length;
    }
    if (at > 0 && !upload.to.write(at === buffer.length ? buffer : buffer.subarray(0, at))) {
      this.#channel.keepBytes();
      if (upload.to.full) this.#pause();
    }
    if (over) {
      this.#upload = undefined;
      this.#handler.onUploadEnd(upload.kind, this.#sequenceId);
    }
    return at;
  }

  /** The receiver of an upload can take more. */
  onReceiverDrain(): void {
    if (this.#upload !== undefined) this.#unpause();
  }

  /** What can't be handled now must not pile up; what waits for the rest of its command has to go on coming. */
  get #overfull(): boolean {
    if (this.#closed) return false;
    if (this.#upload !== undefined) return this.#upload.to.full;
    return this.#channel.full || (this.busy && this.waitingBytes > pauseAtBytes);
  }

  #pauseWhenFull(): void {
    if (this.#overfull) this.#pause();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#channel.pause();
  }

  #unpause(): void {
    if (!this.#paused || this.#overfull) return;
    this.#paused = false;
    this.#channel.resume();
  }
}
