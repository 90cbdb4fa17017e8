/**
 * Follows all keys below a prefix for as long as the process lives: first a snapshot, then every change after it.
 * A lost stream is taken up again at another endpoint from the last revision seen; when that was compacted away, a new
 * snapshot says what is. A stream that is silent proves nothing (a frozen or cut-off member is silent too), so the
 * member is asked now and then whether it lives and knows a leader.
 */
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EtcdClient } from './client.ts';
import {
  decodeEvent,
  type Json,
  type KeyValue,
  keyRange,
  number,
  object,
  objects,
  type WatchEvent,
} from './codec.ts';
import { EtcdError } from './errors.ts';
import { memberStatus } from './maintenance.ts';
import { errorOfAnswer } from './transport.ts';

export interface WatchHandlers {
  /** All keys below the prefix; replaces what was known. */
  readonly onSnapshot: (kvs: readonly KeyValue[], revision: number) => void;
  /** Changes in order, each once. */
  readonly onEvents: (events: readonly WatchEvent[], revision: number) => void;
  /** The stream is gone, or back (true). Between the two the view may be stale. */
  readonly onConnection?: (connected: boolean, reason: string) => void;
}

export interface WatchOptions {
  /** How often a silent stream's member is asked for a sign of life. */
  readonly checkMs?: number;
  readonly checkTimeoutMs?: number;
  /** Take up an earlier watch from here instead of reading a snapshot first. */
  readonly startRevision?: number;
}

const firstPauseMs = 50;
const longestPauseMs = 1_000;

export class PrefixWatch {
  readonly #client: EtcdClient;
  readonly #prefix: string;
  readonly #handlers: WatchHandlers;
  readonly #checkMs: number;
  readonly #checkTimeoutMs: number;
  readonly #stop = new AbortController();
  #revision: number | undefined;
  #connected = false;

  constructor(client: EtcdClient, prefix: string, handlers: WatchHandlers, options: WatchOptions = {}) {
    this.#client = client;
    this.#prefix = prefix;
    this.#handlers = handlers;
    this.#checkMs = options.checkMs ?? 3_000;
    this.#checkTimeoutMs = options.checkTimeoutMs ?? 500;
    this.#revision = options.startRevision === undefined ? undefined : options.startRevision - 1;
    void this.#run();
  }

  get connected(): boolean {
    return this.#connected;
  }

  close(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    let pauseMs = firstPauseMs;
    while (!this.#stop.signal.aborted) {
      const [endpoint] = this.#client.order();
      if (endpoint === undefined) return;
      try {
        if (this.#revision === undefined) await this.#snapshot();
        await this.#follow(endpoint, () => {
          pauseMs = firstPauseMs;
        });
      } catch (error) {
        if (this.#stop.signal.aborted) break;
        if (error instanceof EtcdError && error.compacted) this.#revision = undefined;
        else this.#client.suspect(endpoint);
        this.#setConnected(false, (error as Error).message);
      }
      await sleep(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  async #snapshot(): Promise<void> {
    const { kvs, revision } = await this.#client.range(this.#prefix, { prefix: true });
    this.#revision = revision;
    this.#handlers.onSnapshot(kvs, revision);
  }

  /** Returns or throws when the stream has ended. */
  async #follow(endpoint: string, onAlive: () => void): Promise<void> {
    const { response, abort } = await this.#client.transport.stream({
      endpoint,
      path: '/v3/watch',
      body: {
        create_request: {
          ...keyRange(this.#prefix, true),
          start_revision: String((this.#revision ?? 0) + 1),
        },
      },
      timeoutMs: 1_000,
      connectTimeoutMs: this.#client.connectTimeoutMs,
      signal: this.#stop.signal,
    });
    const health = this.#watchHealth(endpoint, abort);
    try {
      for await (const line of linesOf(response)) {
        onAlive();
        health.sign();
        this.#take(line, endpoint);
      }
      throw new EtcdError('unknown', 'watch ended', { endpoint });
    } finally {
      health.stop();
      response.destroy();
    }
  }

  #take(line: string, endpoint: string): void {
    if (line === '') return;
    const message = JSON.parse(line) as Json;
    if (message['error'] !== undefined) throw errorOfAnswer(message, endpoint);
    const result = object(message['result']);
    if (result['canceled'] === true) {
      const compacted = number(result['compact_revision']) > 0;
      const reason = compacted
        ? 'required revision has been compacted'
        : String(result['cancel_reason'] ?? 'canceled');
      throw new EtcdError('refused', reason, { endpoint, ...(compacted ? { code: 11 } : {}) });
    }
    if (result['created'] === true) this.#setConnected(true, endpoint);
    const events = objects(result['events']).map(decodeEvent);
    const revision = number(object(result['header'])['revision']);
    // The revision in the header of the first message is the store's, not one up to which events were sent.
    if (events.length === 0) return;
    this.#revision = Math.max(this.#revision ?? 0, ...events.map((event) => event.kv.modRevision));
    this.#handlers.onEvents(events, revision);
  }

  #watchHealth(endpoint: string, abort: (why: string) => void): { sign: () => void; stop: () => void } {
    let seen = false;
    let busy = false;
    const check = async (): Promise<void> => {
      if (seen || busy) {
        seen = false;
        return;
      }
      busy = true;
      try {
        const status = await memberStatus(this.#client, endpoint, { timeoutMs: this.#checkTimeoutMs });
        if (status.leader === undefined) abort('the member knows no leader');
      } catch (error) {
        abort(`no sign of life: ${(error as Error).message}`);
      } finally {
        busy = false;
      }
    };
    const timer = setInterval(() => void check(), this.#checkMs);
    return {
      sign: () => {
        seen = true;
      },
      stop: () => clearInterval(timer),
    };
  }

  #setConnected(connected: boolean, reason: string): void {
    if (this.#connected === connected) return;
    this.#connected = connected;
    this.#handlers.onConnection?.(connected, reason);
  }
}

/** Lines of the body, which may be cut anywhere; a torn stream throws. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
