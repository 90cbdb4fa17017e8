/**
 * What is known of the application's releases: one record per stack, kept in etcd. Which release a web host should run
 * follows from it; which one it does run is found on the host.
 */

export type ReleaseChange = 'first' | 'deploy' | 'canary' | 'rollback' | 'failed';

export interface ReleaseEvent {
  readonly release: string;
  readonly change: ReleaseChange;
  /** user@host */
  readonly by: string;
  readonly atMs: number;
  /** Where it came from, or why it failed; a sentence. */
  readonly detail: string;
}

export interface Canary {
  readonly host: string;
  readonly release: string;
  /** Its weight while it is one, instead of the stack file's. */
  readonly weight: number;
}

export interface ApplicationRecord {
  /** What every web host should run, but the canary. */
  readonly current: string;
  readonly canary: Canary | null;
  /** A change that was begun and has not ended: some hosts may have the other release. */
  readonly underWay: { readonly release: string; readonly by: string; readonly sinceMs: number } | null;
  /** Oldest first; the last `keptEvents`. */
  readonly history: readonly ReleaseEvent[];
}

/** Where the record is in etcd. */
export const applicationKey = '/tandem/application';

/** So that the record stays within what an agent takes. */
export const keptEvents = 40;
/** Of an event's detail, in characters: a path or a program's words may be of any length. */
const keptDetail = 500;

export function releaseOf(record: ApplicationRecord, host: string): string {
  return record.canary?.host === host ? record.canary.release : record.current;
}

/** The release before the current one that every host ran; undefined when there was none. */
export function previousRelease({ current, history }: ApplicationRecord): string | undefined {
  return history
    .filter(({ change }) => change === 'first' || change === 'deploy' || change === 'rollback')
    .map(({ release }) => release)
    .findLast((release) => release !== current);
}

export function withEvent(record: ApplicationRecord, event: ReleaseEvent): ApplicationRecord {
  const { detail } = event;
  const kept = detail.length > keptDetail ? `${detail.slice(0, keptDetail - 1)}…` : detail;
  return { ...record, history: [...record.history, { ...event, detail: kept }].slice(-keptEvents) };
}
