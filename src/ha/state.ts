/** The state of one agent's decision core, the events that change it, and how they do. All times are local and monotonic. */
import type { Position } from '#src/gtid/position.ts';
import type { Effect, SyncValue } from './effects.ts';
import { type Channel, type Command, channelOf } from './effects.ts';
import type { Cluster, MemberName, MemberReport } from './keys.ts';
import type { DatabaseObservation } from './observation.ts';

/** When a write is acknowledged; the stack file's `database.sync`. */
export type SyncMode = 'required' | 'strict' | 'async';

/** What doesn't change while an agent runs. */
export interface Config {
  readonly stackId: string;
  readonly self: MemberName;
  readonly members: readonly MemberName[];
  /** Of `members`: on their way out of the stack. They give up the standby's place to any other member. */
  readonly leaving: readonly MemberName[];
  readonly mode: SyncMode;
  /** The server id as a replica: unique in the stack, below every epoch's. */
  readonly serverId: number;
  readonly leaseTtlMs: number;
  /** Subtracted from a lease's deadline: clocks drift, and acting takes time. */
  readonly leaseMarginMs: number;
  /** How long writes wait for a lost standby before the primary goes on alone (mode `required`). */
  readonly degradeAfterMs: number;
  /** How long starting the server is expected to take, against the time of a failover. */
  readonly restartEstimateMs: number;
  readonly failoverEstimateMs: number;
  /** How long a cluster must have had the same primary for a failover not to count as flapping. */
  readonly stableAfterMs: number;
  /** Failovers in unstable times that happen at once; each further one waits `flapHoldMs` first. */
  readonly freeFailovers: number;
  readonly flapHoldMs: number;
  /** How long a switchover waits for commits and for the target before it gives up. */
  readonly switchoverLimitMs: number;
}

export interface Seen<T> {
  readonly value: T;
  /** When the read was sent: what is shown was true at some moment after it. */
  readonly sentAt: number;
}

export interface State {
  readonly config: Config;
  readonly now: number;
  readonly nextId: number;
  /** The id of the effect under way per channel; 0 when idle. */
  readonly pending: Readonly<Record<Channel, number>>;
  readonly lease: { readonly id: string; readonly deadline: number } | null;
  readonly leaseEffectAt: number;
  readonly cluster: Seen<Cluster> | null;
  readonly database: Seen<DatabaseObservation> | null;
  /** Reads sent before these moments don't show the effects that came back since. */
  readonly clusterStaleBefore: number;
  readonly databaseStaleBefore: number;
  /** The highest revision of the store that was ever seen. */
  readonly highestRevision: number;
  /** The revision went back once: the store was wiped or restored. Stays until the agent is restarted. */
  readonly storeWentBack: boolean;
  /** Since when the cluster was read without a gap; a member that was away first hears what others have to say. */
  readonly watchingSince: number;
  /** Since when this member holds the leader key; null when it doesn't. */
  readonly leadsSince: number | null;
  /**
   * The mod revision of the last `sync` = [self] that certainly was written by this agent, since which it has sent no
   * other `sync`. Only under it may the source side be switched off: an earlier write of unknown outcome can still
   * arrive, but not after this one.
   */
  readonly aloneRevision: number;
  /** The `sync` write under way. */
  readonly writing: SyncValue | null;
  /** Since when the standby hasn't confirmed; null while it does. */
  readonly standbyLostSince: number | null;
  /** This server's position at a probe that showed the source side on for `joining`; null when there is none. */
  readonly barrier: { readonly joining: MemberName; readonly position: Position } | null;
  /** This server's position at two earlier probes, at least `markEveryMs` apart: how far somebody close behind it is. */
  readonly marks: readonly { readonly at: number; readonly position: Position }[];
  /** Whether the server was writable when it last answered. */
  readonly wasWritable: boolean;
  readonly silentSince: number | null;
  /** The server's marker when it last answered; 0 when it never did in this agent's life. */
  readonly lastMarkerEpoch: number;
  readonly noLeaderSince: number | null;
  /** Epoch changes to another holder that were seen, by local time. */
  readonly changes: readonly number[];
  readonly lastHolder: { readonly holder: MemberName; readonly epoch: number } | null;
  /** The `start` position of the epoch whose errant transactions were saved; 0 when none were. */
  readonly errantSavedFor: number;
  /** The epoch for which a truncating start was tried; it is never tried twice: MariaDB may refuse it every time. */
  readonly rewoundFor: number;
  /** The source side was just switched on: what the standby had received before is confirmed by the next write only. */
  readonly releaseDue: boolean;
  /** Closing the server had no outcome: statements hang on it, as on a full disk. */
  readonly closeHangs: boolean;
  /** When the server was last started by this agent: a second death soon after is a crash loop. */
  readonly startedAt: number | null;
  readonly crashLoop: boolean;
  /** When the present drain for a switchover began. */
  readonly drainingSince: number | null;
  /** The present drain was given up: transactions stayed open for longer than the stack file allows. */
  readonly drainGivenUp: boolean;
  /** When a request was first seen; null when there is none. */
  readonly requestSince: number | null;
  /** When this agent last gave the key back because its server was dead; null when it never did. */
  readonly releasedAt: number | null;
  /** The epoch for which replication was last set up by this agent; 0 when it never was. */
  readonly repointedFor: number;
  /** When the IO thread was last started anew, to connect sooner than it would. */
  readonly reconnectedAt: number;
  /** When this agent last invited a member. */
  readonly invitedAt: number;
  /** When the member's report was last written, and the report, to be compared. */
  readonly reportedAt: number;
  readonly reported: MemberReport | null;
}

/** A state that knows nothing: what an agent starts with, and all it has after a crash. */
export function initialState(config: Config): State {
  return {
    config,
    now: 0,
    nextId: 1,
    pending: { lease: 0, cluster: 0, report: 0, etcd: 0, probe: 0, database: 0, barrier: 0, process: 0 },
    lease: null,
    leaseEffectAt: -1,
    cluster: null,
    database: null,
    clusterStaleBefore: 0,
    databaseStaleBefore: 0,
    highestRevision: 0,
    storeWentBack: false,
    watchingSince: 0,
    leadsSince: null,
    aloneRevision: -1,
    writing: null,
    standbyLostSince: null,
    barrier: null,
    marks: [],
    wasWritable: false,
    silentSince: null,
    lastMarkerEpoch: 0,
    noLeaderSince: null,
    changes: [],
    lastHolder: null,
    errantSavedFor: 0,
    rewoundFor: 0,
    releaseDue: false,
    closeHangs: false,
    startedAt: null,
    crashLoop: false,
    drainingSince: null,
    drainGivenUp: false,
    requestSince: null,
    releasedAt: null,
    repointedFor: 0,
    reconnectedAt: 0,
    invitedAt: 0,
    reportedAt: -1,
    reported: null,
  };
}

/** What comes back from an effect. `sentAt` is the local time at which it was handed to the network. */
export interface Done {
  readonly type: 'done';
  readonly now: number;
  readonly id: number;
  readonly effect: Effect;
  readonly sentAt: number;
  readonly outcome: 'ok' | 'refused' | 'unknown';
  readonly lease?: string | undefined;
  readonly cluster?: Cluster | undefined;
  readonly database?: DatabaseObservation | undefined;
  readonly revision?: number | undefined;
}

export type Event =
  | { readonly type: 'tick'; readonly now: number }
  /** The server's process ended: seen at once, by its connection or by its supervisor. */
  | { readonly type: 'serverExited'; readonly now: number }
  /** A watch on the prefix saw a change: a reason to read, never a value. */
  | { readonly type: 'clusterChanged'; readonly now: number }
  | Done;

/** After these, confirmations may have been missing for a while. */
const breaksBarrier: ReadonlySet<string> = new Set([
  'sourceOn',
  'sourceOff',
  'startServer',
  'killServer',
  'clone',
]);

/** A state that one step has to itself until it is done. */
export type Draft = { -readonly [Key in keyof State]: State[Key] } & { pending: Record<Channel, number> };

/** Marks effects as under way and gives them their ids. */
export function issue(draft: Draft, effects: readonly Effect[]): Command[] {
  const commands: Command[] = [];
  for (const effect of effects) {
    draft.pending[channelOf[effect.kind]] = draft.nextId;
    commands.push({ id: draft.nextId, effect });
    draft.nextId++;
    if (effect.kind === 'writeSync') {
      draft.aloneRevision = -1;
      draft.writing = effect.sync;
    } else if (breaksBarrier.has(effect.kind)) draft.barrier = null;
  }
  return commands;
}
