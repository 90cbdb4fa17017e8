import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Lab } from '#test/support/lab.ts';
import { sleep } from '#test/support/wait.ts';
import { type Evidence, type LabPoint, summary } from './point.ts';

interface Counts {
  /** How long the replica is away, each once and then again from the first, milliseconds. */
  readonly awayMs: readonly number[];
  readonly runs: number;
}

/** Shorter than the lease of the primary (1 s), after which it would be failed over. */
const greetingLimitMs = 900;
const everyMs = 50;
/** After the replica is back: its source sends an unanswered packet again after up to as long as it was away. */
const atLeastWatchedMs = 10_000;

/** Opens one connection after the other to a database server's socket, until it is stopped. */
class Greetings {
  readonly #path: string;
  readonly #waits: number[] = [];
  readonly #done: Promise<void>;
  #stopped = false;

  constructor(path: string) {
    this.#path = path;
    this.#done = this.#run();
  }

  /** The longest wait for the server's first packet; refused and broken connections count as one without end. */
  async stop(): Promise<{ longestMs: number; count: number }> {
    this.#stopped = true;
    await this.#done;
    return { longestMs: Math.max(...this.#waits), count: this.#waits.length };
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#waits.push(await this.#once());
      await sleep(everyMs);
    }
  }

  #once(): Promise<number> {
    const startedMs = performance.now();
    return new Promise((resolve) => {
      const socket = connect(this.#path);
      socket.once('data', () => {
        socket.destroy();
        resolve(performance.now() - startedMs);
      });
      socket.once('error', () => resolve(Number.POSITIVE_INFINITY));
      socket.once('end', () => resolve(Number.POSITIVE_INFINITY));
    });
  }
}

type Absence = 'cut off' | 'powered off';

async function awayAndBack(lab: Lab, absence: Absence, awayMs: number): Promise<number> {
  const before = (await lab.healthy(60_000)).database;
  const primary = before.primary ?? '';
  const replica = before.members.find(({ role }) => role === 'replica')?.host ?? '';
  const state = await lab.stateDirectory();
  // What was written for the last return has been acknowledged by now.
  await sleep(2_000);
  const greetings = new Greetings(join(state, 'hosts', primary, 'run/mariadb/mariadb.sock'));
  try {
    if (absence === 'cut off') await lab.fault('link-down', replica);
    else await lab.powerOff(replica);
    await sleep(awayMs);
    if (absence === 'cut off') await lab.fault('link-up', replica);
    else await lab.expect('up');
    await sleep(Math.max(atLeastWatchedMs, awayMs));
  } catch (error) {
    await greetings.stop();
    throw error;
  }
  const { longestMs } = await greetings.stop();
  const { database } = await lab.healthy(60_000);
  assert.deepEqual(
    [database.primary, database.epoch],
    [primary, before.epoch],
    `${absence} for ${awayMs} ms`,
  );
  return longestMs;
}

export const replicaReturns: LabPoint<Counts> = {
  kind: 'lab',
  id: 'failover-8',
  title:
    'A replica is away while nothing is written, and comes back: its primary lets everybody in all the time',
  inSuite: false,
  small: { awayMs: [20_000], runs: 2 },
  full: { awayMs: [7_000, 12_000, 20_000, 40_000], runs: 20 },
  async run(lab, { counts: { awayMs, runs }, log }): Promise<Evidence> {
    const seen: Record<Absence, number[]> = { 'cut off': [], 'powered off': [] };
    for (let run = 0; run < runs; run += 1) {
      const absence: Absence = run % 2 === 0 ? 'cut off' : 'powered off';
      const away = awayMs[Math.floor(run / 2) % awayMs.length] ?? 0;
      const longestMs = await awayAndBack(lab, absence, away);
      log(`${absence} for ${away} ms: longest wait for a greeting ${Math.round(longestMs)} ms`);
      assert.ok(
        longestMs <= greetingLimitMs,
        `${absence} for ${away} ms: nobody was let in for ${longestMs} ms`,
      );
      seen[absence].push(longestMs);
    }
    return {
      runs,
      awayMs,
      longestGreetingMs: {
        cutOff: summary(seen['cut off']),
        poweredOff: summary(seen['powered off']),
      },
    };
  },
};
