/**
 * Runs the decision core of one database member: feeds it events, carries out what it asks for, and keeps what it said.
 * All decisions are in `src/ha`; all acting is in `carry-out.ts`.
 */
import { PrefixWatch } from '#src/adapters/etcd/watch.ts';
import { type Command, channelOf } from '#src/ha/effects.ts';
import { type FailoverPossible, failoverPossible } from '#src/ha/failover-possible.ts';
import { type Config, type Event, initialState, type State } from '#src/ha/state.ts';
import { step } from '#src/ha/step.ts';
import { storeKeys, storePrefix } from '#src/ha/store-format.ts';
import type { HookName } from '#src/spec/schema/database.ts';
import type { AgentContext } from '../context.ts';
import type { DatabaseMember } from '../database/member.ts';
import { announcements } from './announce.ts';
import { Executor } from './carry-out.ts';
import { errantDirectory } from './errant.ts';
import { Hooks } from './hooks.ts';
import { HaStore } from './store.ts';

const tickMs = 200;

/** What every cycle does whatever was decided; not worth a line in the log. */
const routine: ReadonlySet<string> = new Set([
  'readCluster',
  'probeDatabase',
  'grantLease',
  'keepAlive',
  'putReport',
]);

const keptDecisions = 200;

/** One thing that was decided and done. */
export interface Decision {
  /** Wall clock, milliseconds since the Unix epoch. */
  readonly atMs: number;
  readonly rule: number;
  readonly sentence: string;
  /** Kinds of the effects; empty when the rule waits. */
  readonly effects: readonly string[];
}

export class HaDriver {
  readonly #context: AgentContext;
  readonly #member: DatabaseMember;
  readonly #config: Config;
  readonly #executor: Executor;
  readonly #hooks: Hooks;
  readonly store: HaStore;
  #state: State;
  #watch: PrefixWatch | undefined;
  #timer: NodeJS.Timeout | undefined;
  #last: Decision = { atMs: Date.now(), rule: 0, sentence: 'the agent has just started', effects: [] };
  #decisions: Decision[] = [];
  #waitsFor: string | undefined;
  #promoted = 0;
  /** Effects under way, but for the routine. */
  #underWay = 0;
  /** Called after every change of what is known. */
  onChange: () => void = () => undefined;

  constructor(context: AgentContext, member: DatabaseMember, config: Config) {
    this.#context = context;
    this.#member = member;
    this.#config = config;
    this.#hooks = new Hooks(member.config.hooks, member.log);
    this.#state = { ...initialState(config), now: performance.now(), watchingSince: performance.now() };
    this.store = new HaStore(context.etcd, member.self);
    this.store.onUnreadable = (reason) =>
      context.warnings.set(
        'database-records',
        reason === undefined ? undefined : `Database: ${reason}; nothing is decided until it can be read.`,
      );
    this.#executor = new Executor(member, this.store);
    this.#executor.onExit = () => this.#handle({ type: 'serverExited', now: performance.now() });
    this.#executor.onWait = (sentence) => {
      this.#waitsFor = sentence;
    };
    this.#executor.onErrant = (paths) => this.#warnOfErrant(paths);
  }

  async start(): Promise<void> {
    const member = this.#member;
    await this.#executor.begin();
    const changed = () => this.#handle({ type: 'clusterChanged', now: performance.now() });
    this.#watch = new PrefixWatch(this.#context.etcd, storePrefix, {
      onSnapshot: changed,
      onEvents: (events) => {
        // Its own report is no news.
        if (events.some(({ kv }) => kv.key !== storeKeys.member(member.self))) changed();
      },
    });
    this.#timer = setInterval(() => this.#handle({ type: 'tick', now: performance.now() }), tickMs);
    this.#handle({ type: 'tick', now: performance.now() });
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#watch?.close();
    this.#executor.stop();
  }

  get state(): State {
    return this.#state;
  }

  get lagSeconds(): number | null {
    return this.#executor.observer.lagSeconds;
  }

  /** The rule in force and what it says. */
  get decision(): Decision {
    const { sentence } = this.#last;
    return this.#waitsFor === undefined
      ? this.#last
      : { ...this.#last, sentence: `${sentence}: ${this.#waitsFor}` };
  }

  /** What was done lately, the latest last. */
  get decisions(): readonly Decision[] {
    return this.#decisions;
  }

  get failover(): FailoverPossible {
    return failoverPossible(this.#state.cluster?.value ?? null, this.#config.mode);
  }

  #handle(event: Event): void {
    const before = this.#state;
    const { state, effects, rule, sentence } = step(before, event);
    this.#state = state;
    for (const { hook, epoch, details } of announcements(before, event, state, this.#promoted)) {
      if (hook === 'onPromote') this.#promoted = epoch;
      this.#tell(hook, epoch, details);
    }
    if (rule !== 0) this.#note(rule, sentence, effects);
    for (const command of effects) void this.#run(command, rule, sentence);
    this.onChange();
  }

  #note(rule: number, sentence: string, commands: readonly Command[]): void {
    // What is said while something is under way is out of date when it is done.
    if (commands.length === 0 && this.#underWay > 0) return;
    const effects = commands.map(({ effect }) => effect.kind).filter((kind) => !routine.has(kind));
    if (rule === this.#last.rule && sentence === this.#last.sentence && effects.length === 0) return;
    const said = rule === this.#last.rule && withoutNumbers(sentence) === withoutNumbers(this.#last.sentence);
    this.#last = { atMs: Date.now(), rule, sentence, effects };
    if (effects.length > 0) this.#decisions = [...this.#decisions.slice(1 - keptDecisions), this.#last];
    // A sentence that differs by its milliseconds alone says nothing new.
    if (effects.length > 0 || !said) {
      const does = effects.length === 0 ? undefined : effects.join();
      this.#member.log.info(sentence, { rule, does });
    }
  }

  async #run(command: Command, rule: number, sentence: string): Promise<void> {
    const sentAt = performance.now();
    const { effect } = command;
    const counts = Number(!routine.has(effect.kind));
    this.#underWay += counts;
    const outcome = await this.#executor.carryOut(command, { rule, sentence });
    this.#underWay -= counts;
    const { reason, ...rest } = outcome;
    if (outcome.outcome !== 'ok' && !routine.has(effect.kind)) {
      this.#member.log.warn(`${effect.kind}: ${outcome.outcome}`, {
        rule,
        channel: channelOf[effect.kind],
        reason,
      });
    }
    this.#handle({ type: 'done', now: performance.now(), id: command.id, effect, sentAt, ...rest });
  }

  /** The rule is the one that acted, before what came of it was looked at. */
  #tell(hook: HookName, epoch: number, details: Readonly<Record<string, string>>): void {
    const { config } = this.#context;
    const { rule, sentence } = this.#last;
    const time = new Date().toISOString();
    this.#hooks.run({
      hook,
      stack: config.stack,
      host: config.host,
      epoch,
      rule,
      sentence,
      time,
      ...details,
    });
  }

  #warnOfErrant(paths: readonly string[]): void {
    if (paths.length === 0) return;
    const sentence = `Database: transactions that nobody acknowledged were taken out of ${this.#member.self}; they are in ${paths.join(' and ')}.`;
    this.#tell('onErrant', this.#state.cluster?.value.sync?.epoch ?? 0, { files: paths.join(' ') });
    this.#context.warnings.set(`errant ${errantDirectory(this.#member.config.dataDirectory)}`, sentence);
  }
}

function withoutNumbers(sentence: string): string {
  return sentence.replaceAll(/\d+/g, '#');
}
