import assert from 'node:assert/strict';
import { HeldDown } from '#test/support/ledger/held-down.ts';
import { Ledger } from '#test/support/ledger/ledger.ts';
import { ledgerNow } from '#test/support/ledger/records.ts';
import { threeMembers, whatAgentsDid, withThreeMembers } from '#test/support/ledger/strike.ts';
import { sleep } from '#test/support/wait.ts';
import { type OwnPoint, withLab } from './point.ts';

interface Counts {
  readonly runs: number;
}

/** Longer than any failover takes. */
const watchedMs = 8_000;

export const bothKilled: OwnPoint<Counts> = {
  kind: 'own',
  id: 'failover-2-both-killed',
  title:
    'Primary and sync standby killed at once: a third member that may lack writes is not promoted, the reason is shown, force is offered',
  inSuite: false,
  small: { runs: 1 },
  full: { runs: 20 },
  run: (place, { counts, log }) =>
    withLab(
      place,
      async (lab) => {
        const ledger = await Ledger.create(lab);
        const reasons = new Set<string>();
        let offered = '';
        try {
          for (let run = 0; run < counts.runs; run += 1) {
            const startedAt = new Date().toISOString();
            const { database } = await lab.healthy(60_000);
            await ledger.write(['server-1', 'server-2']);
            await sleep(500);
            const standby = database.members.find((member) => member.sync)?.host ?? '';
            const third = threeMembers.find((name) => name !== database.primary && name !== standby) ?? '';
            const held = await Promise.all(
              [database.primary ?? '', standby].map((host) =>
                HeldDown.begin(lab, host, ['mariadb', 'agent']),
              ),
            );
            const from = ledgerNow() + 500;
            try {
              await sleep(watchedMs);
              const later = ledger.records.filter(
                ({ outcome, sentAt }) => outcome === 'acknowledged' && sentAt > from,
              );
              assert.equal(later.length, 0, `${third} took writes`);
              const { database: now } = await lab.status();
              assert.equal(now.primary, null);
              assert.equal(now.failover.possible, false);
              assert.notEqual(now.failover.reason, '');
              reasons.add(now.failover.reason);
              // Without an answer to its question it changes nothing, and says what would be lost.
              const force = await lab.run('failover', '--force', '--to', third);
              assert.notEqual(force.code, 0);
              offered = `${force.stdout}${force.stderr}`.trim();
              assert.match(offered, /certainly ha(s|ve) every acknowledged write/);
            } finally {
              for (const each of held) await each.end();
            }
            await lab.healthy(60_000).catch(async (error: unknown) => {
              log(await whatAgentsDid(lab, startedAt));
              throw error;
            });
            await ledger.check(threeMembers);
            log(`${run + 1}: ${[...reasons].join('; ')}`);
          }
        } finally {
          await ledger.stop();
        }
        return { runs: counts.runs, promoted: 0, reasons: [...reasons], offered };
      },
      withThreeMembers,
    ),
};
