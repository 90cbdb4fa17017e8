/**
 * The end of a router that its clients don't notice: sessions are closed one by one when nothing is under way in them
 * and they have no state that a new connection would lack.
 */
import type { Session } from './session/session.ts';

export interface Drained {
  /** Sessions that were closed between statements, or left by themselves. */
  readonly ended: number;
  /** Sessions that still had a statement or a transaction when the time was over, and were cut. */
  readonly cut: number;
}

/** How often it is looked whether sessions can go, in milliseconds. */
const lookMs = 20;
/** A client that came in time gets its session before it is sent away; one that doesn't log in is not waited for. */
const loginMs = 2_000;

export interface DrainTimes {
  /** Sessions that are left then are the caller's to close. */
  readonly timeoutMs: number;
  /** A session is quiet when it had no statement for so long: then hardly a client is just about to send one. */
  readonly quietMs: number;
}

/** While clients wait for a successor that can't listen before the end. */
export const briskly = (timeoutMs: number): DrainTimes => ({ timeoutMs, quietMs: lookMs });

/** While successors serve already: nobody waits, and the fewer clients are sent away between two statements the better. */
export const gently = (timeoutMs: number): DrainTimes => ({
  timeoutMs,
  quietMs: Math.max(lookMs, Math.min(1_000, timeoutMs / 10)),
});

/**
 * Resolves when no session is left, or after `timeoutMs`. In the second half of that time sessions that are never quiet are
 * closed right behind an answer.
 */
export async function drain(
  sessions: ReadonlyMap<number, Session>,
  loggingIn: () => number,
  { timeoutMs, quietMs }: DrainTimes,
): Promise<Drained> {
  const beganMs = performance.now();
  const atStart = sessions.size;
  let before = new Map<Session, Quiet>();
  for (;;) {
    const nowMs = performance.now();
    const passedMs = nowMs - beganMs;
    const now = new Map<Session, Quiet>();
    for (const session of [...sessions.values()]) {
      const { count } = session.work;
      const known = before.get(session);
      const quiet = known?.count === count ? known : { count, sinceMs: nowMs };
      session.leaving = passedMs > timeoutMs / 2;
      const may = session.leaving || nowMs - quiet.sinceMs >= quietMs;
      if (may && session.idle && session.stateless) session.close();
      else now.set(session, quiet);
    }
    before = now;
    const empty = sessions.size === 0 && (loggingIn() === 0 || passedMs > loginMs);
    if (empty || passedMs >= timeoutMs) break;
    await new Promise((resolve) => setTimeout(resolve, Math.min(lookMs, timeoutMs - passedMs)));
  }
  return { ended: Math.max(0, atStart - sessions.size), cut: sessions.size };
}

/** Since when a session has run no further command. */
interface Quiet {
  readonly count: number;
  readonly sinceMs: number;
}
