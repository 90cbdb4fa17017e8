/** A conversation of small packets over a channel, one after the other: what a login is. */
import { type Packet, PacketAssembler, packetOf } from '#src/mysql-wire/framing.ts';
import type { Channel } from './channel.ts';

/** Nobody has proved anything yet: more than this isn't kept for a peer (a login with long attributes has 4 KiB). */
const limitBytes = 65_536;

export class Dialogue {
  readonly channel: Channel;
  readonly #assembler = new PacketAssembler(limitBytes);
  readonly #timer: NodeJS.Timeout;
  #waiting: { resolve: (packet: Packet) => void; reject: (error: Error) => void } | undefined;
  #failure: Error | undefined;
  #paused = false;

  /** Fails every read once `timeoutMs` have passed; `sequenceId` is that of the next packet. */
  constructor(channel: Channel, timeoutMs: number, sequenceId = 0) {
    this.channel = channel;
    this.#assembler.expectedSequenceId = sequenceId;
    this.#timer = setTimeout(() => this.#fail(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    channel.onBytes = (chunk) => {
      this.#assembler.push(chunk);
      this.#deliver();
      // Nobody asks just now: a peer that goes on all the same has to wait.
      if (this.#waiting === undefined && this.#assembler.bytes > limitBytes) this.#pause(true);
    };
    channel.onEnd = (reason) => this.#fail(new Error(`connection lost: ${reason}`));
  }

  /** The next packet; the sequence id of the next one to `send` follows from it. */
  next(): Promise<Packet> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#pause(false);
      this.#deliver();
    });
  }

  send(payload: Buffer): void {
    const { expectedSequenceId } = this.#assembler;
    this.channel.write(packetOf(payload, expectedSequenceId));
    this.#assembler.expectedSequenceId = (expectedSequenceId + 1) & 0xff;
  }

  /** Sequence id of the next packet in either direction. */
  get sequenceId(): number {
    return this.#assembler.expectedSequenceId;
  }

  /** Bytes behind the packets asked for, taken out. */
  takeRest(): Buffer {
    return this.#assembler.takeRest();
  }

  /** The conversation is over; returns what came behind it. */
  finish(): Buffer {
    clearTimeout(this.#timer);
    this.channel.onBytes = () => undefined;
    this.channel.onEnd = () => undefined;
    this.#pause(false);
    return this.takeRest();
  }

  #pause(on: boolean): void {
    if (this.#paused === on) return;
    this.#paused = on;
    if (on) this.channel.pause();
    else this.channel.resume();
  }

  #deliver(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    try {
      if (this.#failure !== undefined) throw this.#failure;
      const packet = this.#assembler.next();
      if (packet === undefined) return;
      this.#waiting = undefined;
      waiting.resolve(packet);
    } catch (error) {
      this.#waiting = undefined;
      waiting.reject(error as Error);
    }
  }

  #fail(error: Error): void {
    this.#failure = error;
    this.#deliver();
  }
}
