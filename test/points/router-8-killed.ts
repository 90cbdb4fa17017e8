import assert from 'node:assert/strict';
import { Ledger } from '#test/support/ledger/ledger.ts';
import { ledgerNow } from '#test/support/ledger/records.ts';
import { Prober } from '#test/support/prober.ts';
import { signal } from '#test/support/processes.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import { type OwnPoint, summary, withLab } from './point.ts';

interface Counts {
  readonly kills: number;
}

const backLimitMs = 1_000;

export const routerKilled: OwnPoint<Counts> = {
  kind: 'own',
  id: 'router-8',
  title: 'A router killed: back within 1 s, the other host unaffected, no GET fails at the floating address',
  inSuite: false,
  small: { kills: 2 },
  full: { kills: 20 },
  run: (place, { counts, log }) =>
    withLab(place, async (lab) => {
      const backMs: number[] = [];
      let requests = 0;
      const ledger = await Ledger.create(lab, 'router');
      try {
        await ledger.write(['server-2']);
        const from = ledgerNow();
        using prober = new Prober().start(await lab.url('/api/users'), await lab.ca(), {
          timeoutMs: 5_000,
        });
        await sleep(500);
        for (let kill = 0; kill < counts.kills; kill += 1) {
          const pid = await lab.pid('server-1', 'router');
          signal(pid, 'SIGKILL');
          const startedMs = performance.now();
          // Serving again: a statement through the new one's socket.
          await waitFor('the router', () => ledger.answersOn('server-1'), 10_000, 20);
          backMs.push(performance.now() - startedMs);
          log(`killed: back after ${Math.round(backMs.at(-1) ?? 0)} ms`);
          await sleep(700);
        }
        const { failed, probes } = await prober.stop();
        requests = probes.length;
        const errors = [...new Set(failed.map(({ error }) => error))];
        assert.equal(failed.length, 0, `${failed.length} of ${requests} GETs failed: ${errors.join('; ')}`);
        const others = ledger.errors(from, ledgerNow());
        const none = { refused: 0, unknown: 0 };
        assert.deepEqual(others, { autocommit: none, transaction: none }, 'the other router noticed');
        await lab.healthy();
        await ledger.check(['server-1', 'server-2']);
      } finally {
        await ledger.stop();
      }
      const slow = backMs.filter((each) => each > backLimitMs);
      assert.equal(slow.length, 0, `back after ${slow.map(Math.round).join(', ')} ms`);
      return { kills: counts.kills, backMs: summary(backMs), requests, failed: 0 };
    }),
};
