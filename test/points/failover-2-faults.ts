import assert from 'node:assert/strict';
import { type Lab, referenceStack } from '#test/support/lab.ts';
import { type DiskFault, diskFaults, withDisks } from '#test/support/ledger/disk.ts';
import { type DatabaseFault, databaseFaults, replicaFaults } from '#test/support/ledger/faults.ts';
import { type Errors, Ledger } from '#test/support/ledger/ledger.ts';
import { type Strike, strike, unheld, whatAgentsDid } from '#test/support/ledger/strike.ts';
import { type Evidence, type OwnPoint, summary, withLab } from './point.ts';

interface Counts {
  readonly runs: number;
  /** In the suite other work shares the machine: only the full run holds times to their goals. */
  readonly strict: boolean;
}

type Log = (line: string) => void;

/** Beyond it something is broken, however busy the machine is. */
const looseMs = 10_000;

const inSuite: ReadonlySet<string> = new Set(['server-killed']);

async function strikeAgain(
  lab: Lab,
  fault: DatabaseFault,
  of: 'primary' | 'replica',
  { runs, strict }: Counts,
  log: Log,
): Promise<Evidence> {
  const ledger = await Ledger.create(lab, fault.withoutErrors === true ? 'router' : 'members');
  const seen: Strike[] = [];
  try {
    for (let run = 0; run < runs; run += 1) {
      const startedAt = new Date().toISOString();
      const result = await strike(lab, ledger, fault, of).catch(async (error: unknown) => {
        log(await whatAgentsDid(lab, startedAt));
        throw error;
      });
      seen.push(result);
      log(`${fault.name} ${run + 1}: ${JSON.stringify(result)}`);
      if (result.pauseMs > fault.limitMs) log(await whatAgentsDid(lab, startedAt));
    }
  } finally {
    await ledger.stop();
  }
  const pauses = seen.map(({ pauseMs }) => pauseMs);
  const limitMs = strict ? fault.limitMs : looseMs;
  const pause = summary(pauses);
  // The goals are of the 95th percentile; what a lost replica may cost is promised for every time.
  const longest = of === 'primary' && strict ? pause.p95 : pause.max;
  const evidence = {
    fault: fault.name,
    runs,
    limitMs: fault.limitMs,
    withoutAcknowledgedWriteMs: pause,
    errors: {
      autocommit: total(seen.map(({ errors }) => errors.autocommit)),
      transaction: total(seen.map(({ errors }) => errors.transaction)),
    },
    healthyAgainMs: summary(seen.map(({ healthyAgainMs }) => healthyAgainMs)),
    acknowledgedWrites: ledger.records.filter(({ outcome }) => outcome === 'acknowledged').length,
  };
  assert.ok(longest <= limitMs, `${longest} ms are longer than ${limitMs}: ${JSON.stringify(evidence)}`);
  return evidence;
}

function total(counts: readonly Errors['autocommit'][]): Errors['autocommit'] {
  const sum = (of: 'refused' | 'unknown') => counts.reduce((all, count) => all + count[of], 0);
  return { refused: sum('refused'), unknown: sum('unknown') };
}

type Named = Pick<DatabaseFault, 'name' | 'limitMs'>;

function faultPoint(
  { name, limitMs }: Named,
  of: 'primary' | 'replica',
  run: OwnPoint<Counts>['run'],
): OwnPoint<Counts> {
  return {
    kind: 'own',
    id: `failover-2-${name}`,
    title: `${of === 'primary' ? 'The primary' : 'A replica'}: ${name}: at most ${limitMs} ms without an acknowledged write, none lost`,
    inSuite: inSuite.has(name),
    small: { runs: 1, strict: false },
    full: { runs: 20, strict: true },
    run,
  };
}

function hostFault(fault: DatabaseFault, of: 'primary' | 'replica'): OwnPoint<Counts> {
  return faultPoint(fault, of, (place, { counts, log }) =>
    withLab(place, (lab) => strikeAgain(lab, fault, of, counts, log), unheld),
  );
}

function diskFault(fault: DiskFault): OwnPoint<Counts> {
  return faultPoint(fault, 'primary', (place, { counts, log }) =>
    withDisks(unheld(referenceStack(place.name, place.subnet)), (lab, disks) =>
      strikeAgain(lab, fault.on(disks), 'primary', counts, log),
    ),
  );
}

/** Point 2 of failover: one point for each fault of its table. */
export const failoverFaults: readonly OwnPoint<Counts>[] = [
  ...databaseFaults.map((fault) => hostFault(fault, 'primary')),
  ...diskFaults.map(diskFault),
  ...replicaFaults.map((fault) => hostFault(fault, 'replica')),
];
