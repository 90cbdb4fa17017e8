/**
 * The end of a router that its clients don't notice: sessions are closed one by one when nothing is under way in them
 * and they have no state that a new connection would lack.
 */
import type { Session } from './session.ts';

export interface Drained {
  /** Sessions that were closed between statements, or left by themselves. */
  readonly ended: number;
  /** Sessions that still had a statement or a transaction when the time was over, and were cut. */
  readonly cut: number;
}

/** A session is quiet when it had no statement for so long: then hardly a client is just about to send one. */
const quietMs = 20;
/** A client that came in time gets its session before it is sent away; one that doesn't log in is not waited for. */
const loginMs = 2_000;

/**
 * Resolves when no session is left, or after `timeoutMs`; the ones left are the caller's to close. In the second half of
 * that time sessions that are never quiet are closed right behind an answer.
 */
export async function drain(
  sessions: ReadonlyMap<number, Session>,
  loggingIn: () => number,
  timeoutMs: number,
): Promise<Drained> {
  const beganMs = performance.now();
  const atStart = sessions.size;
  let before = new Map<Session, number>();
  for (;;) {
    const passedMs = performance.now() - beganMs;
    const now = new Map<Session, number>();
    for (const session of [...sessions.values()]) {
      const { count } = session.work;
      session.leaving = passedMs > timeoutMs / 2;
      const quiet = session.leaving || before.get(session) === count;
      if (quiet && session.idle && session.stateless) session.close();
      else now.set(session, count);
    }
    before = now;
    const empty = sessions.size === 0 && (loggingIn() === 0 || passedMs > loginMs);
    if (empty || passedMs >= timeoutMs) break;
    await new Promise((resolve) => setTimeout(resolve, Math.min(quietMs, timeoutMs - passedMs)));
  }
  return { ended: Math.max(0, atStart - sessions.size), cut: sessions.size };
}
