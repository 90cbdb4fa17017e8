/**
 * Web hosts drained or weighted by an operator, beside the stack file: kept in etcd, carried out by the agent of every
 * balancer on its HAProxy, again after each reload or restart of it.
 */
import { PrefixWatch } from '#src/adapters/etcd/watch.ts';
import { askHaproxy, parseServersState } from '#src/adapters/haproxy/runtime.ts';
import type { Log } from '#src/adapters/log.ts';
import { type TrafficOverride, trafficPrefix } from '#src/topology/figures.ts';
import type { AgentContext } from '../context.ts';
import { Loop } from '../loop.ts';
import { commandsFor } from './decide.ts';
import { parseOverride } from './overrides.ts';

/** With an override: a reloaded HAProxy has forgotten it. */
const watchedMs = 1_000;
const idleMs = 30_000;

export class TrafficConcern {
  readonly #context: AgentContext;
  readonly #log: Log;
  readonly #loop: Loop;
  readonly #watch: PrefixWatch;
  #overrides = new Map<string, TrafficOverride>();
  /** Drained for an override that is gone since, and not told to be ready yet. */
  readonly #released = new Set<string>();
  #known = false;
  /** HAProxy may still have what an earlier override asked for. */
  #touched = true;

  constructor(context: AgentContext) {
    this.#context = context;
    this.#log = context.log.of('traffic');
    this.#loop = new Loop({
      name: 'traffic',
      intervalMs: idleMs,
      log: this.#log,
      step: () => this.#step(),
    });
    this.#watch = new PrefixWatch(context.etcd, trafficPrefix, {
      onSnapshot: (kvs) => {
        for (const host of this.#overrides.keys()) this.#forget(host);
        for (const { value } of kvs) this.#learn(value);
        this.#changed();
      },
      onEvents: (events) => {
        for (const { type, kv } of events) {
          if (type === 'delete') this.#forget(kv.key.slice(trafficPrefix.length));
          else this.#learn(kv.value);
        }
        this.#changed();
      },
    });
  }

  stop(): void {
    this.#watch.close();
    this.#loop.stop();
  }

  #learn(value: string): void {
    const override = parseOverride(value);
    if (override === undefined) return;
    this.#forget(override.host);
    this.#overrides.set(override.host, override);
    if (override.drain) this.#released.delete(override.host);
  }

  #forget(host: string): void {
    if (this.#overrides.get(host)?.drain === true) this.#released.add(host);
    this.#overrides.delete(host);
  }

  #changed(): void {
    this.#known = true;
    this.#touched = true;
    this.#loop.wake();
  }

  async #step(): Promise<number> {
    // What etcd says is not known yet: a drain that HAProxy has must not be taken back for that.
    if (!this.#known) return watchedMs;
    if (this.#overrides.size === 0 && !this.#touched) return idleMs;
    await this.#carryOut();
    this.#touched = false;
    return this.#overrides.size === 0 ? idleMs : watchedMs;
  }

  async #carryOut(): Promise<void> {
    const socket = this.#context.config.balancer?.haproxySocket ?? '';
    const [states, adjusted] = await Promise.all([
      askHaproxy(socket, 'show servers state'),
      askHaproxy(socket, 'get var proc.adjusted'),
    ]);
    const released = new Set(this.#released);
    const commands = commandsFor(
      this.#overrides,
      parseServersState(states),
      /value=<1>/.test(adjusted),
      released,
    );
    for (const command of commands) {
      const answer = (await askHaproxy(socket, command)).trim();
      if (answer === '') this.#log.info('told HAProxy', { command });
      else this.#log.warn('HAProxy refused', { command, answer });
    }
    for (const host of released) this.#released.delete(host);
  }
}
