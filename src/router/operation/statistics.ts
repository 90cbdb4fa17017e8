/** What the router counts: plain numbers, added to where things happen and read when somebody asks (`metrics.ts`). */
import type { StatementClass } from '#src/routing/statement.ts';

/** `command` is what has no text that runs: COM_STMT_PREPARE, COM_INIT_DB and the like. */
export const countedClasses = [
  'read',
  'session',
  'transaction',
  'write',
  'ddl',
  'admin',
  'unknown',
  'command',
] as const satisfies readonly (StatementClass | 'command')[];
export type CountedClass = (typeof countedClasses)[number];

export const errorKinds = [
  /** An ERR packet of a server, passed on. */
  'server',
  /** Refused by the router; it never ran. */
  'not executed',
  'outcome unknown',
  /** The connection to the client was closed in the middle of an answer. */
  'answer cut',
  'transaction lost',
  'state lost',
  /** Bytes that are no protocol. */
  'protocol',
  'access denied',
  'too many connections',
] as const;
export type ErrorKind = (typeof errorKinds)[number];

/** Upper bounds of the latency histogram, in microseconds: 64 µs and its doubles up to 67 s. */
export const latencyBoundsUs: readonly number[] = Array.from({ length: 21 }, (_, index) => 64 * 2 ** index);

/** Statements of one class on one member. */
export class ClassStatistics {
  statements = 0;
  rows = 0;
  /** Of the answers. */
  bytes = 0;
  errors = 0;
  tookMs = 0;
  /** How many took up to each bound and longer than the one before; the last: longer than all. */
  readonly buckets = new Float64Array(latencyBoundsUs.length + 1);

  add(tookMs: number, rows: number, bytes: number): void {
    this.statements++;
    this.rows += rows;
    this.bytes += bytes;
    this.tookMs += tookMs;
    // The number of bits of the whole multiples of 64 µs.
    const bucket = 32 - Math.clz32((tookMs * 1_000) / 64);
    const last = this.buckets.length - 1;
    const at = bucket < last ? bucket : last;
    this.buckets[at] = (this.buckets[at] as number) + 1;
  }
}

export class MemberStatistics {
  readonly classes: Readonly<Record<CountedClass, ClassStatistics>>;
  /** Server connections that were made, that could not be made, and that broke. */
  connected = 0;
  connectFailures = 0;
  broken = 0;

  constructor() {
    this.classes = Object.fromEntries(countedClasses.map((name) => [name, new ClassStatistics()])) as Record<
      CountedClass,
      ClassStatistics
    >;
  }
}

export class Statistics {
  readonly #members = new Map<string, MemberStatistics>();
  readonly errors = Object.fromEntries(errorKinds.map((kind) => [kind, 0])) as Record<ErrorKind, number>;
  /** Statements that a demoted primary refused, sent to the next one. */
  resent = 0;
  /** Statements that a connection was looked for at this moment, and those of them that wait for a primary. */
  waiting = 0;
  waitingBytes = 0;
  held = 0;
  /** Statements that ever waited for a primary. */
  heldTotal = 0;
  readonly #reasons = {
    primary: new Map<string, { count: number }>(),
    replica: new Map<string, { count: number }>(),
  };

  /** They outlive a member's pools. */
  of(member: string): MemberStatistics {
    const known = this.#members.get(member);
    if (known !== undefined) return known;
    const fresh = new MemberStatistics();
    this.#members.set(member, fresh);
    return fresh;
  }

  routed(slot: 'primary' | 'replica', reason: string): void {
    const reasons = this.#reasons[slot];
    const found = reasons.get(reason);
    if (found !== undefined) found.count++;
    else reasons.set(reason, { count: 1 });
  }

  get members(): ReadonlyMap<string, MemberStatistics> {
    return this.#members;
  }

  /** Why statements went where they went. */
  *reasons(): Iterable<{ readonly slot: string; readonly reason: string; readonly count: number }> {
    for (const [slot, reasons] of Object.entries(this.#reasons)) {
      for (const [reason, { count }] of reasons) yield { slot, reason, count };
    }
  }
}
