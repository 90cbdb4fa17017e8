import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type { Lab } from '#test/support/lab.ts';
import { Ledger } from '#test/support/ledger/ledger.ts';
import { ledgerNow } from '#test/support/ledger/records.ts';
import { sleep } from '#test/support/wait.ts';
import { type OwnPoint, summary, withLab } from './point.ts';

interface Counts {
  readonly failovers: number;
}

const members = ['server-1', 'server-2'];
/** What a process may have grown by in the course of all failovers. */
const growthLimit = { mebibytes: 96, descriptors: 40 };

/** Memory and descriptors of the processes that live through all of it: agents and supervisors. */
async function holdings(lab: Lab): Promise<Record<string, { mebibytes: number; descriptors: number }>> {
  const entries = await Promise.all(
    members.map(async (host) => {
      const pid = await lab.pid(host, 'agent');
      const rss = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      const descriptors = readdirSync(`/proc/${pid}/fd`).length;
      return [`${host} agent`, { mebibytes: Math.round(Number(rss) / 1_024), descriptors }] as const;
    }),
  );
  return Object.fromEntries(entries);
}

export const fifty: OwnPoint<Counts> = {
  kind: 'own',
  id: 'failover-5',
  title:
    'Failovers in a row under load: nothing acknowledged is lost, nothing leaks, all members are the same at the end',
  inSuite: false,
  small: { failovers: 3 },
  full: { failovers: 50 },
  run: (place, { counts, log }) =>
    withLab(
      place,
      async (lab) => {
        const ledger = await Ledger.create(lab);
        const pauses: number[] = [];
        let before: Awaited<ReturnType<typeof holdings>> | undefined;
        try {
          await ledger.write(members);
          for (let run = 0; run < counts.failovers; run += 1) {
            const { database } = await lab.healthy(60_000);
            // After the first ones, so that what is loaded and made once is there.
            if (run === 2) before = await holdings(lab);
            const from = ledgerNow();
            await lab.signalService(database.primary ?? '', 'mariadb', 'SIGKILL');
            await ledger.untilAcknowledged(from + 50, 20_000);
            await sleep(1_000);
            pauses.push(ledger.longestPause(from, ledgerNow()));
            log(`${run + 1}: ${Math.round(pauses.at(-1) ?? 0)} ms`);
          }
          await lab.healthy(60_000);
          const after = await holdings(lab);
          await ledger.check(members);
          for (const [process, held] of Object.entries(after)) {
            const was = before?.[process];
            if (was === undefined) continue;
            assert.ok(
              held.mebibytes - was.mebibytes <= growthLimit.mebibytes,
              `${process}: ${JSON.stringify({ was, held })}`,
            );
            assert.ok(
              held.descriptors - was.descriptors <= growthLimit.descriptors,
              `${process}: ${JSON.stringify({ was, held })}`,
            );
          }
          const history = JSON.parse(await lab.expect('db', 'history', '--json')) as {
            rule: number;
            sentence: string;
          }[];
          assert.ok(
            history.every(({ rule, sentence }, index) => index === 0 || (rule > 0 && sentence !== '')),
          );
          return {
            failovers: counts.failovers,
            epochs: history.length,
            withoutAcknowledgedWriteMs: summary(pauses),
            acknowledgedWrites: ledger.records.filter(({ outcome }) => outcome === 'acknowledged').length,
            holdings: { before, after },
          };
        } finally {
          await ledger.stop();
        }
      },
      (stack) => ({
        ...stack,
        database: { ...stack.database, failover: { stableAfterMs: 1_000, free: 100, holdMs: 0 } },
      }),
    ),
};
