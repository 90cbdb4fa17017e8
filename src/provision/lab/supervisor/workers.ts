/** Programs of a master and workers take a signal at once and a new configuration a moment later: when is it in force? */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 10;
const limitMs = 5_000;
/** The old workers were told before the new ones were forked; they hear it in their next round. */
const settleMs = 50;

/** proc(5), /proc/PID/task/TID/children. */
export function workersOf(master: number): ReadonlySet<string> {
  try {
    return new Set(
      readFileSync(`/proc/${master}/task/${master}/children`, 'utf8').split(' ').filter(Boolean),
    );
  } catch {
    return new Set();
  }
}

/** Resolves when the master has a worker that is not in `before`; rejects when none comes. */
export async function untilWorkersReplaced(master: number, before: ReadonlySet<string>): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (![...workersOf(master)].some((pid) => !before.has(pid))) {
    if (performance.now() > deadline) {
      throw new Error('started no new worker with its new configuration: see its log');
    }
    await sleep(pollMs);
  }
  await sleep(settleMs);
}
