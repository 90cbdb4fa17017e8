/** Polling and timing helpers of the tests on real servers. */

import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until `probe` gives a truthy value and returns it; throws after `timeoutMs`, naming `what`. */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T> | T,
  timeoutMs = 10_000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`);
    await sleep(10);
  }
}

/** What became of a statement: its result, its error number, or nothing yet. */
export type Outcome = 'ok' | 'pending' | number;

/**
 * How `statement` stands after at most `patienceMs`: a MariaDB error gives its number (a lost connection -1).
 * The statement goes on; ask again with the same promise.
 */
export async function outcome(statement: Promise<unknown>, patienceMs: number): Promise<Outcome> {
  const settled = statement.then(
    (): Outcome => 'ok',
    (error: { errno?: number }): Outcome => (error.errno !== undefined && error.errno > 0 ? error.errno : -1),
  );
  const timer = new AbortController();
  const patience = sleep(patienceMs, 'pending' as const, { signal: timer.signal }).catch(
    () => 'pending' as const,
  );
  try {
    return await Promise.race([settled, patience]);
  } finally {
    timer.abort();
  }
}

/** Marks a statement whose failure (a killed server) is expected, so that it is no unhandled rejection. */
export function inBackground<T>(statement: Promise<T>): Promise<T> {
  statement.catch(() => {});
  return statement;
}

export { sleep };
