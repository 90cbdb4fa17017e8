/**
 * Server-sent events (html.spec.whatwg.org, 9.2): to everybody who watches the whole state when it has changed, and notes
 * of what happened. A stream that was cut is taken up with `Last-Event-ID`: notes since then, and the state as it is.
 */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Note, StackState } from '../api/schemas.ts';
import type { Caller } from './environment.ts';
import { Problem } from './problem.ts';

const heartbeatMs = 5_000;
const checkMs = 2_000;
const keptNotes = 200;
const maxStreams = 200;
const maxPerCaller = 12;
/** A client that takes nothing for so long is let go. */
const maxBufferedBytes = 1_048_576;

interface Stream {
  readonly response: ServerResponse;
  readonly caller: Caller;
  readonly stop: () => void;
}

export interface StreamSource {
  state(): StackState;
  /** Called for every stream; answers with what ends it. */
  watch(): () => void;
  validUntilMs(caller: Caller): number;
}

export class Streams {
  readonly #source: StreamSource;
  readonly #streams = new Set<Stream>();
  /** Tells this process' numbers from those of another one, or of an earlier one. */
  readonly #run = randomBytes(6).toString('hex');
  readonly #heartbeat: NodeJS.Timeout;
  readonly #check: NodeJS.Timeout;
  #notes: { readonly number: number; readonly note: Note }[] = [];
  #number = 0;
  #sent = '';

  constructor(source: StreamSource) {
    this.#source = source;
    this.#heartbeat = setInterval(() => this.#send(': alive\n\n'), heartbeatMs);
    this.#check = setInterval(() => this.#endExpired(), checkMs);
  }

  get count(): number {
    return this.#streams.size;
  }

  /** Takes the response over. Throws a `Problem` when there are too many. */
  open(
    response: ServerResponse,
    caller: Caller,
    lastEventId: string | undefined,
    headers: Readonly<Record<string, string>>,
  ): void {
    const own = [...this.#streams].filter((stream) => stream.caller.name === caller.name);
    if (this.#streams.size >= maxStreams || own.length >= maxPerCaller) {
      throw new Problem(429, 'Too many streams', 'Close another window of the dashboard first.', 5);
    }
    const stream: Stream = { response, caller, stop: this.#source.watch() };
    this.#streams.add(stream);
    response.on('close', () => {
      this.#streams.delete(stream);
      stream.stop();
    });
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.socket?.setNoDelay(true);
    response.write('retry: 1000\n\n');
    for (const { number, note } of this.#missed(lastEventId))
      response.write(this.#format('note', note, number));
    response.write(this.#format('state', this.#source.state(), this.#number));
  }

  /** The state may have changed. */
  update(): void {
    if (this.#streams.size === 0) return;
    const state = this.#source.state();
    const text = JSON.stringify({ ...state, atMs: 0 });
    if (text === this.#sent) return;
    this.#sent = text;
    this.#send(this.#format('state', state, this.#number));
  }

  note(note: Note): void {
    this.#number += 1;
    this.#notes = [...this.#notes.slice(1 - keptNotes), { number: this.#number, note }];
    this.#send(this.#format('note', note, this.#number));
  }

  close(): void {
    clearInterval(this.#heartbeat);
    clearInterval(this.#check);
    for (const { response } of this.#streams) response.end();
  }

  #missed(lastEventId: string | undefined): readonly { number: number; note: Note }[] {
    const match = /^([0-9a-f]{12})-(\d{1,12})$/.exec(lastEventId ?? '');
    // Another process' number says nothing here: the state, which follows, is whole.
    if (match === null || match[1] !== this.#run) return [];
    return this.#notes.filter(({ number }) => number > Number(match[2]));
  }

  #format(event: string, data: object, number: number): string {
    return `event: ${event}\nid: ${this.#run}-${number}\ndata: ${JSON.stringify(data)}\n\n`;
  }

  #send(text: string): void {
    for (const { response } of this.#streams) {
      if (response.writableLength > maxBufferedBytes) response.destroy();
      else response.write(text);
    }
  }

  #endExpired(): void {
    const nowMs = Date.now();
    for (const { response, caller } of this.#streams) {
      if (this.#source.validUntilMs(caller) > nowMs) continue;
      response.end('event: over\ndata: {}\n\n');
    }
  }
}
