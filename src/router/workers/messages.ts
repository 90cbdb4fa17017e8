/** What the main process and its workers say to each other, as JSON over the channel that Node.js gives a forked process. */
import type { Drained, DrainTimes } from '../drain.ts';
import type { KillRequest } from '../kill/kill.ts';
import type { Explained, Question } from '../operation/explain.ts';
import type { MetricValues } from '../operation/metrics.ts';
import type { RouterStatus } from '../operation/status.ts';
import type { KillResult } from '../session/host.ts';
import type { RouterSettings } from '../settings.ts';

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
