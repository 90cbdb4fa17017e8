/** What the main process and its workers say to each other, as JSON over the channel that Node.js gives a forked process. */
import type { Drained, DrainTimes } from '#src/router/drain.ts';
import type { Explained, Question } from '#src/router/explain.ts';
import type { KillRequest } from '#src/router/kill.ts';
import type { MetricValues } from '#src/router/metrics.ts';
import type { KillResult } from '#src/router/session-host.ts';
import type { RouterSettings } from '#src/router/settings.ts';
import type { RouterStatus } from '#src/router/status.ts';

/** Questions to a worker, and their answers. */
export interface Asked {
  readonly status: { readonly question: undefined; readonly answer: RouterStatus };
  readonly metrics: { readonly question: undefined; readonly answer: readonly MetricValues[] };
  /** Null: there is no such account. */
  readonly explain: { readonly question: Question; readonly answer: Explained | null };
  readonly kill: { readonly question: KillRequest; readonly answer: KillResult };
}

/** What a worker was like at its end. */
export interface LastWords extends Drained {
  readonly metrics: readonly MetricValues[];
}

export interface WorkerStart {
  /** With secrets: never in argv, in the environment or in a log. */
  readonly settings: RouterSettings;
  readonly slot: number;
  /** Connections that it may have to each member. */
  readonly limit: number;
  /** The file of `SharedPositions`. */
  readonly positions: string;
}

export type ToWorker =
  | { readonly type: 'start'; readonly start: WorkerStart }
  /** With a socket. */
  | { readonly type: 'client'; readonly local: boolean }
  | { readonly type: 'limit'; readonly limit: number }
  | { readonly type: 'drain'; readonly times: DrainTimes }
  | { readonly type: 'ask'; readonly number: number; readonly what: keyof Asked; readonly question: unknown }
  | { readonly type: 'killed'; readonly number: number; readonly result: KillResult };

export type FromWorker =
  /** It takes clients. */
  | { readonly type: 'ready' }
  /** It has taken the client: the next one may be sent. */
  | { readonly type: 'took' }
  /** So many of its clients' connections have ended since it said so last. */
  | { readonly type: 'left'; readonly count: number }
  /** It drains, and has so many connections to the member that it has most of. */
  | { readonly type: 'held'; readonly connections: number }
  | { readonly type: 'drained'; readonly last: LastWords }
  | { readonly type: 'answer'; readonly number: number; readonly answer?: unknown; readonly failure?: string }
  /** KILL of a session that isn't its own; answered by `killed`. */
  | { readonly type: 'kill'; readonly number: number; readonly request: KillRequest };
