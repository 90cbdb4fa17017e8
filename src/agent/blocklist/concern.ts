/**
 * The live block-list. A change holds on this host at once, with or without the quorum; through etcd it reaches all
 * others. The files in the agent's data directory make it hold after a restart of the host, before any agent runs.
 */

import { PrefixWatch } from '#src/adapters/etcd/watch.ts';
import { readFileIfThere, writeFileAtomic } from '#src/adapters/files/atomic.ts';
import type { Log } from '#src/adapters/log.ts';
import { run, runChecked } from '#src/adapters/process/run.ts';
import type { AgentContext } from '../context.ts';
import { Loop } from '../loop.ts';
import {
  type BlockEntries,
  type BlockEntry,
  changeTime,
  compareAge,
  isActive,
  mergeEntries,
  parseEntry,
  pruneEntries,
} from './entries.ts';
import { BlocklistRefusal, parseBlockRequest, protectedBy } from './guard.ts';
import { parseNetwork } from './network.ts';
import { blocklistRuleset } from './ruleset.ts';

const prefix = '/tandem/blocklist/';
const upkeepMs = 30_000;

export class Blocklist {
  readonly #context: AgentContext;
  readonly #log: Log;
  #entries: BlockEntries = new Map();
  /** Entries of etcd as last seen, by address. */
  #shared = new Map<string, BlockEntry>();
  #watch: PrefixWatch | undefined;
  #loop: Loop | undefined;
  #work: Promise<void> = Promise.resolve();
  #applied = '';
  #failed = false;

  constructor(context: AgentContext) {
    this.#context = context;
    this.#log = context.log.of('blocklist');
  }

  async start(): Promise<void> {
    this.#entries = await this.#load();
    this.#watch = new PrefixWatch(this.#context.etcd, prefix, {
      onSnapshot: (kvs) => {
        this.#shared = new Map();
        this.#learn(kvs.map((kv) => kv.value));
      },
      onEvents: (events) => {
        // A deleted key was an entry that everybody had forgotten.
        for (const event of events)
          if (event.type === 'delete') this.#shared.delete(event.kv.key.slice(prefix.length));
        this.#learn(events.filter((event) => event.type === 'put').map((event) => event.kv.value));
      },
    });
    this.#loop = new Loop({
      name: 'upkeep',
      intervalMs: upkeepMs,
      log: this.#log,
      step: () => this.#upkeep(),
    });
    // Last: when it fails, the host hears the others all the same, and upkeep tries again.
    await this.#apply();
  }

  stop(): void {
    this.#watch?.close();
    this.#loop?.stop();
  }

  /** What is blocked now. */
  list(): readonly BlockEntry[] {
    const nowMs = Date.now();
    return [...this.#entries.values()].filter((entry) => isActive(entry, nowMs));
  }

  /** Throws a `BlocklistRefusal`. */
  async block(body: unknown, asker: { readonly by: string; readonly address: string }): Promise<BlockEntry> {
    const request = parseBlockRequest(body);
    const reason = protectedBy(request.network, this.#context.config, asker.address);
    if (reason !== undefined && !request.force) throw new BlocklistRefusal(reason);
    const nowMs = Date.now();
    const known = this.#entries.get(request.network.text);
    const entry: BlockEntry = {
      address: request.network.text,
      untilMs: request.durationMs === null ? null : nowMs + request.durationMs,
      reason: request.reason,
      by: asker.by,
      createdAtMs: known !== undefined && isActive(known, nowMs) ? known.createdAtMs : nowMs,
      changedAtMs: changeTime(known, nowMs),
      removed: false,
    };
    await this.#change(entry);
    this.#log.info('blocked', {
      address: entry.address,
      by: asker.by,
      until: entry.untilMs,
      why: entry.reason,
    });
    return entry;
  }

  async unblock(address: string, by: string): Promise<void> {
    const network = parseNetwork(address);
    if (network === undefined) throw new BlocklistRefusal(`${address} is not an address or network.`);
    const known = this.#entries.get(network.text);
    const nowMs = Date.now();
    const base = known ?? { address: network.text, untilMs: null, reason: '', createdAtMs: nowMs };
    await this.#change({ ...base, by, changedAtMs: changeTime(known, nowMs), removed: true });
    this.#log.info('unblocked', { address: network.text, by });
  }

  async #change(entry: BlockEntry): Promise<void> {
    this.#entries = mergeEntries(this.#entries, [entry]);
    await this.#apply();
    // Not waited for: the host obeys also when the quorum is away.
    void this.#share();
  }

  #learn(values: readonly string[]): void {
    const entries = values.map(parseShared).filter((entry) => entry !== undefined);
    for (const entry of entries) this.#shared.set(entry.address, entry);
    const before = this.#entries;
    this.#entries = pruneEntries(mergeEntries(before, entries), Date.now());
    void this.#apply().catch((error: Error) => this.#log.error(error.message));
    void this.#share();
  }

  /** Gives etcd what we know better. A write that fails or loses is tried again by upkeep, or beaten by what won. */
  async #share(): Promise<void> {
    for (const entry of this.#entries.values()) {
      const shared = this.#shared.get(entry.address);
      if (shared !== undefined && compareAge(shared, entry) >= 0) continue;
      try {
        await this.#shareOne(entry);
      } catch (error) {
        this.#log.warn('not shared yet', { address: entry.address, reason: (error as Error).message });
        return;
      }
    }
  }

  async #shareOne(entry: BlockEntry): Promise<void> {
    const key = `${prefix}${entry.address}`;
    const { etcd } = this.#context;
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const kv = await etcd.get(key);
      const there = kv === undefined ? undefined : parseShared(kv.value);
      if (there !== undefined && compareAge(there, entry) >= 0) return;
      const { succeeded } = await etcd.txn({
        compare: [{ target: 'modRevision', key, number: kv?.modRevision ?? 0 }],
        success: [{ op: 'put', key, value: JSON.stringify(entry) }],
      });
      if (succeeded) return;
    }
  }

  /** One at a time, each with the newest entries. */
  #apply(): Promise<void> {
    const next = this.#work.then(() => this.#applyNow());
    const { warnings } = this.#context;
    this.#work = next.then(
      () => warnings.set('blocklist', undefined),
      (error: Error) => warnings.set('blocklist', `Block-list: ${error.message}.`),
    );
    return next;
  }

  async #applyNow(): Promise<void> {
    const { blocklist } = this.#context.config;
    const nowMs = Date.now();
    const entries = this.#entries;
    const text = `${JSON.stringify([...entries.values()], null, 2)}\n`;
    if (text === this.#applied && !this.#failed) return;
    this.#failed = true;
    const ruleset = blocklistRuleset(entries.values(), nowMs);
    await writeFileAtomic(blocklist.json, text);
    await writeFileAtomic(blocklist.nft, ruleset);
    await runChecked(['nft', '-f', blocklist.nft], { timeoutMs: 5_000 });
    const before = this.#applied;
    this.#applied = text;
    this.#failed = false;
    for (const entry of entries.values()) {
      if (isActive(entry, nowMs) && !before.includes(JSON.stringify(entry.address))) {
        // Ends the sockets as well, where the kernel can (INET_DIAG_DESTROY); silenced they are already.
        await run(['ss', '-K', 'dst', entry.address], { timeoutMs: 2_000 }).catch(() => undefined);
      }
    }
  }

  async #load(): Promise<BlockEntries> {
    const text = await readFileIfThere(this.#context.config.blocklist.json);
    if (text === undefined) return new Map();
    try {
      const entries = (JSON.parse(text) as unknown[]).map(parseEntry).filter((entry) => entry !== undefined);
      return pruneEntries(mergeEntries(new Map(), entries), Date.now());
    } catch {
      this.#log.error('the stored list is damaged; starting from what etcd has');
      return new Map();
    }
  }

  async #upkeep(): Promise<void> {
    const before = this.#entries;
    const pruned = pruneEntries(before, Date.now());
    // Before etcd is asked: what changes meanwhile stays.
    this.#entries = pruned;
    for (const [address, entry] of before) {
      if (pruned.has(address)) continue;
      const key = `${prefix}${address}`;
      await this.#context.etcd
        .txn({
          compare: [{ target: 'value', key, value: JSON.stringify(entry) }],
          success: [{ op: 'delete', key }],
        })
        .catch(() => undefined);
    }
    // What failed is tried again; what holds already is left alone.
    await this.#apply().finally(() => this.#share());
  }
}

function parseShared(value: string): BlockEntry | undefined {
  try {
    return parseEntry(JSON.parse(value));
  } catch {
    return undefined;
  }
}
