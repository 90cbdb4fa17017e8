/**
 * What the balancers' dashboards tell each other through etcd: sessions that were ended, and what operators did. Without
 * etcd both are kept here and written when it is back.
 */
import { randomBytes } from 'node:crypto';
import type { EtcdClient } from '#src/adapters/etcd/client.ts';
import type { KeyValue } from '#src/adapters/etcd/codec.ts';
import { PrefixWatch } from '#src/adapters/etcd/watch.ts';
import type { Log } from '#src/adapters/log.ts';
import { type ActRecord, actRecordSchema } from '../api/schemas.ts';

const prefix = '/tandem/dashboard/';
const endedPrefix = `${prefix}ended/`;
const actsPrefix = `${prefix}acts/`;
const keptActs = 500;
const retryMs = 2_000;

export class Shared {
  readonly #etcd: EtcdClient;
  readonly #log: Log;
  readonly #watch: PrefixWatch;
  readonly #ended = new Map<string, number>();
  #acts = new Map<string, ActRecord>();
  #pending: { key: string; value: string }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  onAct: (record: ActRecord) => void = () => undefined;

  constructor(etcd: EtcdClient, log: Log) {
    this.#etcd = etcd;
    this.#log = log;
    this.#watch = new PrefixWatch(etcd, prefix, {
      onSnapshot: (kvs) => {
        this.#acts = new Map();
        for (const kv of kvs) this.#learn(kv);
      },
      onEvents: (events) => {
        for (const { type, kv } of events) {
          if (type === 'delete') this.#acts.delete(kv.key);
          else this.#learn(kv, true);
        }
      },
    });
  }

  /** `untilMs`: when the session would have ended anyway. */
  endSession(id: string, untilMs: number): void {
    this.#ended.set(id, untilMs);
    this.#write(`${endedPrefix}${id}`, String(untilMs));
  }

  hasEnded(id: string): boolean {
    return this.#ended.has(id);
  }

  record(act: ActRecord): void {
    const key = `${actsPrefix}${String(act.atMs).padStart(15, '0')}-${randomBytes(4).toString('hex')}`;
    this.#acts.set(key, act);
    this.onAct(act);
    this.#write(key, JSON.stringify(act));
  }

  /** The latest first. */
  get acts(): readonly ActRecord[] {
    return [...this.#acts.entries()].toSorted(([a], [b]) => (a < b ? 1 : -1)).map(([, act]) => act);
  }

  close(): void {
    this.#watch.close();
    clearTimeout(this.#timer);
  }

  #learn({ key, value }: KeyValue, isNew = false): void {
    if (key.startsWith(endedPrefix)) {
      this.#ended.set(key.slice(endedPrefix.length), Number(value));
    } else if (key.startsWith(actsPrefix) && !this.#acts.has(key)) {
      const act = parseAct(value);
      if (act === undefined) return;
      this.#acts.set(key, act);
      if (isNew) this.onAct(act);
    }
  }

  #write(key: string, value: string): void {
    this.#pending.push({ key, value });
    this.#writing = this.#writing.then(() => this.#flush());
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer);
    while (this.#pending.length > 0) {
      const [first] = this.#pending;
      if (first === undefined) break;
      try {
        await this.#etcd.put(first.key, first.value);
        this.#pending.shift();
      } catch (error) {
        this.#log.warn('not shared yet', { key: first.key, reason: (error as Error).message });
        this.#timer = setTimeout(() => this.#retry(), retryMs);
        return;
      }
    }
    await this.#prune().catch(() => undefined);
  }

  #retry(): void {
    this.#writing = this.#writing.then(() => this.#flush());
  }

  async #prune(): Promise<void> {
    const nowMs = Date.now();
    const old = [...this.#acts.keys()].sort().slice(0, -keptActs);
    const over = [...this.#ended].filter(([, untilMs]) => untilMs < nowMs).map(([id]) => id);
    for (const id of over) this.#ended.delete(id);
    for (const key of [...old, ...over.map((id) => `${endedPrefix}${id}`)]) {
      await this.#etcd.delete(key);
      this.#acts.delete(key);
    }
  }
}

function parseAct(text: string): ActRecord | undefined {
  try {
    return actRecordSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
