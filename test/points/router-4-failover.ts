import assert from 'node:assert/strict';
import type { Lab } from '#test/support/lab.ts';
import { databaseFaults } from '#test/support/ledger/faults.ts';
import { Ledger } from '#test/support/ledger/ledger.ts';
import { type Strike, strike, unheld } from '#test/support/ledger/strike.ts';
import { type Evidence, type OwnPoint, summary, withLab } from './point.ts';

interface Counts {
  /** Of each kind. */
  readonly runs: number;
}

/** Writers on two hosts, four workers each: so many statements or transactions are under way at most. */
const underWay = 8;

/** What a client may be told: of a statement in flight that its outcome is unknown, of an open transaction that it is gone. */
function checkErrors({ errors, reasons }: Strike): void {
  const { autocommit, transaction } = errors;
  const told = `${JSON.stringify(errors)}: ${reasons.join('; ')}`;
  assert.equal(autocommit.refused, 0, `autocommit statements were refused: ${told}`);
  const all = autocommit.unknown + transaction.refused + transaction.unknown;
  assert.ok(all <= underWay, `more errors than were under way: ${told}`);
}

async function repeat(
  lab: Lab,
  ledger: Ledger,
  name: 'server-killed' | 'switchover',
  runs: number,
  log: (line: string) => void,
): Promise<Evidence> {
  const fault = databaseFaults.find((each) => each.name === name);
  if (fault === undefined) throw new Error(`no fault ${name}`);
  const seen: Strike[] = [];
  for (let run = 0; run < runs; run += 1) {
    const result = await strike(lab, ledger, fault, 'primary');
    log(`${name} ${run + 1}: ${JSON.stringify(result)}`);
    checkErrors(result);
    seen.push(result);
  }
  return {
    runs,
    withoutAcknowledgedWriteMs: summary(seen.map(({ pauseMs }) => pauseMs)),
    unknownAutocommit: summary(seen.map(({ errors }) => errors.autocommit.unknown)),
    refusedAutocommit: 0,
    endedTransactions: summary(
      seen.map(({ errors }) => errors.transaction.refused + errors.transaction.unknown),
    ),
    told: [...new Set(seen.flatMap(({ reasons }) => reasons))],
  };
}

export const routerFailover: OwnPoint<Counts> = {
  kind: 'own',
  id: 'router-4',
  title:
    'Through the router, the primary killed and switched over: only what was in flight hears of it, nothing is doubled or lost',
  inSuite: false,
  small: { runs: 1 },
  full: { runs: 20 },
  run: (place, { counts, log }) =>
    withLab(
      place,
      async (lab) => {
        const ledger = await Ledger.create(lab, 'router');
        try {
          const killed = await repeat(lab, ledger, 'server-killed', counts.runs, log);
          const switchedOver = await repeat(lab, ledger, 'switchover', counts.runs, log);
          const acknowledgedWrites = ledger.records.filter(
            ({ outcome }) => outcome === 'acknowledged',
          ).length;
          return { killed, switchedOver, acknowledgedWrites };
        } finally {
          await ledger.stop();
        }
      },
      unheld,
    ),
};
