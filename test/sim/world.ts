/** One simulated stack: nodes with an agent and a server each, the network between them, etcd, and time. */
import type { Command } from '#src/ha/effects.ts';
import { type Config, type Done, type Event, initialState, type State } from '#src/ha/state.ts';
import { step } from '#src/ha/step.ts';
import type { Rule } from '#src/ha/view.ts';
import { carryOut } from './carry-out.ts';
import type { EtcdModel } from './etcd-model.ts';
import type { Ledger } from './ledger.ts';
import type { MariadbModel, Transaction } from './mariadb-model.ts';
import type { Queue } from './queue.ts';
import type { Random } from './random.ts';

export const tickMs = 250;

/** A deliberate breakage, given as values; production code has no way to reach it. */
export interface Mutation {
  readonly name: string;
  readonly rules?: (rules: readonly Rule[]) => readonly Rule[];
  /** Changes an effect before it is carried out, or drops it (null), which reports `ok`. */
  readonly effect?: (command: Command['effect'], node: SimNode) => Command['effect'] | null;
  /** Changes what comes back. */
  readonly event?: (event: Event) => Event;
  /** Changes the state after a step. */
  readonly state?: (state: State) => State;
  /** Transactions compare nothing. */
  readonly unconditional?: boolean;
  /** The faults among which its schedules choose; all when absent. */
  readonly only?: readonly string[];
}

export class SimNode {
  readonly name: string;
  readonly server: MariadbModel;
  /** Changes with a restart of the agent alone. */
  config: Config;
  agentUp = true;
  agentFrozen = false;
  hostUp = true;
  /** Counts the agent's processes. */
  life = 1;
  state: State;
  clockOffset = 0;
  clockRate = 1;
  toEtcd = true;
  fromEtcd = true;
  /** What a frozen agent finds when it wakes. */
  inbox: (() => void)[] = [];
  /** Statements that a frozen server finds when it wakes. */
  statements: (() => void)[] = [];
  /** This many of its next changes of etcd arrive late, after it gave up waiting. */
  lateWrites = 0;
  /** Effects until the agent crashes or freezes; -1: never. */
  crashAfter = -1;
  freezeAfter = -1;
  /** Transactions that were saved as SQL. */
  saved: Transaction[] = [];
  lastRule = 0;
  lastSentence = '';

  constructor(config: Config, server: MariadbModel) {
    this.name = config.self;
    this.config = config;
    this.server = server;
    this.state = initialState(config);
  }
}

export interface Trace {
  readonly time: number;
  readonly text: string;
}

export class World {
  readonly queue: Queue;
  readonly random: Random;
  readonly etcd: EtcdModel;
  readonly ledger: Ledger;
  readonly nodes: SimNode[];
  readonly byName: Map<string, SimNode>;
  readonly rules: readonly Rule[] | undefined;
  readonly mutation: Mutation | null;
  /** `from>to` pairs that lose everything. */
  readonly cut = new Set<string>();
  lossRate = 0;
  etcdDelayMs = 4;
  delayMs = 5;
  /** What the replication stream takes, which has a life of its own. */
  streamDelayMs = 5;
  transactionId = 0;
  hash = 0x811c9dc5;
  traces: Trace[] | null = null;
  /** What strikes shortly after a rule is taken, by rule number. */
  ambushes: { readonly rule: number; readonly strike: (node: SimNode) => void }[] = [];
  ruleCounts: number[] = [];
  effectsCarriedOut = 0;

  constructor(parts: {
    queue: Queue;
    random: Random;
    etcd: EtcdModel;
    ledger: Ledger;
    nodes: SimNode[];
    rules: readonly Rule[] | undefined;
    mutation: Mutation | null;
  }) {
    this.queue = parts.queue;
    this.random = parts.random;
    this.etcd = parts.etcd;
    this.ledger = parts.ledger;
    this.nodes = parts.nodes;
    this.byName = new Map(parts.nodes.map((node) => [node.name, node]));
    this.rules = parts.rules;
    this.mutation = parts.mutation;
  }

  trace(text: string): void {
    this.traces?.push({ time: this.queue.now, text });
  }

  mix(value: number): void {
    this.hash = Math.imul(this.hash ^ value, 0x01000193) >>> 0;
  }

  localTime(node: SimNode): number {
    return Math.floor(node.clockOffset + this.queue.now * node.clockRate);
  }

  open(from: string, to: string): boolean {
    return this.cut.size === 0 || !this.cut.has(`${from}>${to}`);
  }

  lost(): boolean {
    return this.lossRate > 0 && this.random.chance(this.lossRate);
  }

  /** Runs something in an agent's process, when it is awake; never in a later process. */
  inAgent(node: SimNode, life: number, run: () => void): void {
    if (!node.agentUp || node.life !== life) return;
    if (node.agentFrozen) node.inbox.push(() => this.inAgent(node, life, run));
    else run();
  }

  handle(node: SimNode, event: Event): void {
    const seen = this.mutation?.event?.(event) ?? event;
    const result = step(node.state, seen, this.rules);
    node.state = this.mutation?.state?.(result.state) ?? result.state;
    if (result.rule !== 0) {
      this.ruleCounts[result.rule] = (this.ruleCounts[result.rule] ?? 0) + 1;
      if (this.ambushes.length > 0 && result.effects.length > 0) this.spring(node, result.rule);
      if (result.rule !== node.lastRule || this.traces !== null)
        this.noteRule(node, result.rule, result.sentence);
    }
    if (result.effects.length > 0) this.dispatch(node, node.life, result.effects, 0);
  }

  private spring(node: SimNode, rule: number): void {
    const ambush = this.ambushes.find((one) => one.rule === rule);
    if (ambush === undefined) return;
    this.ambushes = this.ambushes.filter((one) => one !== ambush);
    this.queue.after(this.random.between(0, 40), () => ambush.strike(node));
  }

  private noteRule(node: SimNode, rule: number, sentence: string): void {
    if (sentence !== node.lastSentence) this.trace(`${node.name}: rule ${rule}: ${sentence}`);
    node.lastSentence = sentence;
    if (rule === node.lastRule) return;
    node.lastRule = rule;
    this.mix(rule * 31 + (node.name.codePointAt(0) ?? 0) + this.queue.now);
  }

  /** Carries effects out one after the other; a crash or a freeze can fall between any two. */
  private dispatch(node: SimNode, life: number, commands: readonly Command[], from: number): void {
    for (let index = from; index < commands.length; index++) {
      if (node.crashAfter >= 0 && node.crashAfter-- === 0) {
        this.crashAgent(node, this.random.between(50, 1500));
        return;
      }
      if (node.freezeAfter >= 0 && node.freezeAfter-- === 0) {
        this.freezeAgent(node, this.random.between(100, 6000));
        const next = index;
        node.inbox.push(() => this.inAgent(node, life, () => this.dispatch(node, life, commands, next)));
        return;
      }
      this.effectsCarriedOut++;
      const command = commands[index];
      if (command !== undefined) carryOut(this, node, command);
    }
  }

  /** Gives an effect's outcome back to the agent that asked for it. */
  answer(
    node: SimNode,
    life: number,
    command: Command,
    sentAt: number,
    {
      outcome,
      lease,
      cluster,
      database,
      revision,
    }: Omit<Partial<Done>, 'type' | 'id'> & Pick<Done, 'outcome'>,
  ): void {
    this.inAgent(node, life, () =>
      this.handle(node, {
        type: 'done',
        now: this.localTime(node),
        id: command.id,
        effect: command.effect,
        sentAt,
        outcome,
        lease,
        cluster,
        database,
        revision,
      }),
    );
  }

  tick(node: SimNode, life: number): void {
    if (!node.agentUp || node.life !== life) return;
    if (!node.agentFrozen) this.handle(node, { type: 'tick', now: this.localTime(node) });
    this.queue.after(tickMs + this.random.between(0, 20), () => this.tick(node, life));
  }

  startAgent(node: SimNode): void {
    if (node.agentUp || !node.hostUp) return;
    node.agentUp = true;
    node.life++;
    node.state = initialState(node.config);
    this.trace(`${node.name}: agent starts`);
    this.tick(node, node.life);
  }

  crashAgent(node: SimNode, forMs: number): void {
    if (!node.agentUp) return;
    this.trace(`${node.name}: agent crashes for ${forMs} ms`);
    node.agentUp = false;
    node.agentFrozen = false;
    node.inbox = [];
    node.crashAfter = -1;
    node.freezeAfter = -1;
    this.queue.after(forMs, () => this.startAgent(node));
  }

  freezeAgent(node: SimNode, forMs: number): void {
    if (!node.agentUp || node.agentFrozen) return;
    this.trace(`${node.name}: agent freezes for ${forMs} ms`);
    node.agentFrozen = true;
    node.freezeAfter = -1;
    const { life } = node;
    this.queue.after(forMs, () => this.thawAgent(node, life));
  }

  thawAgent(node: SimNode, life: number): void {
    if (node.life !== life || !node.agentFrozen) return;
    this.trace(`${node.name}: agent wakes`);
    node.agentFrozen = false;
    const { inbox } = node;
    node.inbox = [];
    for (const run of inbox) run();
  }

  /** A watch tells agents that keys changed, when it reaches them. */
  notify(): void {
    for (const node of this.nodes) {
      if (!node.agentUp || !node.fromEtcd || !this.etcd.up) continue;
      const { life } = node;
      this.queue.after(this.random.between(1, 2 * this.etcdDelayMs), () =>
        this.inAgent(node, life, () =>
          this.handle(node, { type: 'clusterChanged', now: this.localTime(node) }),
        ),
      );
    }
  }

  expireLeases(): void {
    if (this.etcd.expire(this.queue.now)) this.notify();
    this.queue.after(100, () => this.expireLeases());
  }
}
