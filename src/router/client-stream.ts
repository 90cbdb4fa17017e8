/**
 * What a logged-in client sends: commands, of which one runs at a time; and uploads, which are passed on as they come
 * (a local file, or a command that is too long to keep). Bytes that come early wait, and stop the client from sending
 * more once there are many.
 */
import { headerBytes, maxPayloadBytes, payloadLengthAt } from '#src/mysql-wire/framing.ts';
import { outOfOrder, type ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import type { Channel } from './channel.ts';

/** Longer commands are passed on while they arrive. */
export const largeCommandBytes = 1024 * 1024;
/** How much of a long command is there before it is looked at. */
const prefixBytes = 64 * 1024;
const pauseAtBytes = 256 * 1024;

export interface CommandHandler {
  /** A whole command packet, header included, valid during the call. Sets `busy` unless it is over already. */
  onCommand(buffer: Buffer, start: number, end: number): void;
  /** The beginning of a long one, header included; then `beginUpload`, or the end of the session. */
  onLargeCommand(beginning: Buffer): void;
  /** The last packet of an upload was passed on; its sequence id. */
  onUploadEnd(kind: UploadKind, sequenceId: number): void;
  onProtocolError(error: ProtocolError): void;
}

export type UploadKind = 'command' | 'file';

export class ClientStream {
  /** A command is under way: what comes waits. */
  busy = false;
  readonly #channel: Channel;
  readonly #handler: CommandHandler;
  #pending: Buffer = Buffer.alloc(0);
  #paused = false;
  #upload: { kind: UploadKind; to: Channel } | undefined;
  /** Of the upload: payload bytes left of its present packet, and whether that is the last. */
  #left = 0;
  #last = false;
  #header: number[] = [];

  constructor(channel: Channel, handler: CommandHandler) {
    this.#channel = channel;
    this.#handler = handler;
  }

  /** Takes what comes from now on. */
  listen(): void {
    this.#channel.onBytes = (chunk) => this.take(chunk);
  }

  take(chunk: Buffer): void {
    if (this.busy || this.#pending.length > 0) {
      if (this.#upload !== undefined && this.#pending.length === 0) {
        this.#keep(chunk, this.#passUpload(chunk));
        return;
      }
      this.#pending = Buffer.concat([this.#pending, chunk]);
      if (this.busy) this.#pauseWhenFull();
      else this.#drain();
      return;
    }
    this.#keep(chunk, this.#commands(chunk));
  }

  /** The command is over: the next one may begin. */
  ready(): void {
    this.busy = false;
    if (this.#pending.length > 0) this.#drain();
    this.#unpause();
  }

  /** The rest of a long command goes to `to`, or the file that the server asked for. */
  beginUpload(kind: UploadKind, to: Channel): void {
    this.#upload = { kind, to };
    if (kind === 'file') {
      this.#left = 0;
      this.#last = false;
      this.#header = [];
    }
    if (this.#pending.length > 0) {
      const pending = this.#pending;
      this.#pending = Buffer.alloc(0);
      this.#keep(pending, this.#passUpload(pending));
    }
    this.#unpause();
  }

  /** No command is under way or waiting, whole or in part. */
  get idle(): boolean {
    return !this.busy && this.#pending.length === 0;
  }

  get uploading(): boolean {
    return this.#upload !== undefined;
  }

  #drain(): void {
    const pending = this.#pending;
    this.#pending = Buffer.alloc(0);
    this.#keep(pending, this.#commands(pending));
  }

  #keep(buffer: Buffer, from: number): void {
    if (from >= buffer.length) return;
    const rest = Buffer.from(buffer.subarray(from));
    // What was handled meanwhile may have left something of its own.
    this.#pending = this.#pending.length === 0 ? rest : Buffer.concat([rest, this.#pending]);
    this.#pauseWhenFull();
  }

  /** Handles the commands in the buffer; where it stopped. */
  #commands(buffer: Buffer): number {
    let at = 0;
    while (!this.busy && buffer.length - at >= headerBytes) {
      const length = payloadLengthAt(buffer, at);
      if (buffer[at + 3] !== 0) {
        this.busy = true;
        this.#handler.onProtocolError(outOfOrder(0, buffer[at + 3] as number));
        return buffer.length;
      }
      if (length > largeCommandBytes) {
        if (buffer.length - at < headerBytes + prefixBytes) break;
        const end = Math.min(buffer.length, at + headerBytes + length);
        this.busy = true;
        this.#left = length - (end - at - headerBytes);
        this.#last = length < maxPayloadBytes;
        this.#header = [];
        this.#pause();
        this.#handler.onLargeCommand(Buffer.from(buffer.subarray(at, end)));
        return end;
      }
      const end = at + headerBytes + length;
      if (end > buffer.length) break;
      this.#handler.onCommand(buffer, at, end);
      at = end;
    }
    return at;
  }

  /** Passes on what belongs to the upload; where it ended in the buffer. */
  #passUpload(buffer: Buffer): number {
    const upload = this.#upload as { kind: UploadKind; to: Channel };
    let at = 0;
    let over = false;
    let sequenceId = 0;
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
      sequenceId = sequence;
      this.#header = [];
      // A file ends with an empty packet, a command with one that isn't full.
      this.#last = upload.kind === 'file' ? this.#left === 0 : this.#left < maxPayloadBytes;
    }
    if (at > 0 && !upload.to.write(at === buffer.length ? buffer : buffer.subarray(0, at))) {
      this.#channel.keepBytes();
      if (upload.to.full) this.#pause();
    }
    if (over) {
      this.#upload = undefined;
      this.#handler.onUploadEnd(upload.kind, sequenceId);
    }
    return at;
  }

  /** The receiver of an upload can take more. */
  onReceiverDrain(): void {
    if (this.#upload !== undefined) this.#unpause();
  }

  /** Without a command under way what came is the beginning of the next one, and the rest of it is wanted. */
  get #full(): boolean {
    return this.busy && this.#pending.length > pauseAtBytes;
  }

  #pauseWhenFull(): void {
    if (this.#full) this.#pause();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#channel.pause();
  }

  #unpause(): void {
    if (!this.#paused || this.#full) return;
    this.#paused = false;
    this.#channel.resume();
  }
}
