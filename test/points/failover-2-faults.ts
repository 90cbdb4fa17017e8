import assert from 'node:assert/strict';
import type { StackFile } from '#src/spec/schema.ts';
import { type Lab, referenceStack } from '#test/support/lab.ts';
import { type DiskFault, diskFaults, withDisks } from '#test/support/ledger/disk.ts';
import { type DatabaseFault, databaseFaults, replicaFaults } from '#test/support/ledger/faults.ts';
import { Ledger } from '#test/support/ledger/ledger.ts';
import { ledgerNow } from '#test/support/ledger/records.ts';
import { sleep } from '#test/support/wait.ts';
import { type Evidence, type OwnPoint, summary, withLab } from './point.ts';

interface Counts {
  readonly runs: number;
  /** In the suite other work shares the machine: only the full run holds times to their goals. */
  readonly strict: boolean;
}

type Log = (line: string) => void;

/** Writes must have gone on for so long before and after a fault. */
const settleMs = 700;
const recoveryMs = 20_000;
/** Beyond it something is broken, however busy the machine is. */
const looseMs = 10_000;

const inSuite: ReadonlySet<string> = new Set(['server-killed', 'cut-off', 'switchover']);

/** One failover after the other is what is shown here: point 3 shows what is done against flapping. */
function unheld(stack: StackFile): StackFile {
  return {
    ...stack,
    database: { ...stack.database, failover: { stableAfterMs: 1_000, free: 100, holdMs: 0 } },
  };
}

interface Run {
  readonly pauseMs: number;
  readonly refused: number;
  readonly unknown: number;
  /** What clients were told about writes that were not acknowledged. */
  readonly reasons: readonly (string | undefined)[];
  readonly healthyAgainMs: number;
}

/**
 * One fault under load, healed, and judged: every acknowledged write is on every member, none twice, none that was
 * refused; tables are equal; the stack is healthy again by itself.
 */
async function strike(
  lab: Lab,
  ledger: Ledger,
  fault: DatabaseFault,
  of: 'primary' | 'replica',
): Promise<Run> {
  const { database } = await lab.healthy(60_000);
  const victim = database.members.find(({ role }) => role === of)?.host;
  assert.ok(victim !== undefined, `no ${of}: ${JSON.stringify(database)}`);
  const members = database.members.map(({ host }) => host);
  await ledger.write(members);
  await sleep(settleMs);
  const from = ledgerNow();
  const injected = fault.inject(lab, victim);
  // It is awaited below; until then its failure is nobody's.
  injected.catch(() => undefined);
  // A crash loop is injected for seconds; what counts is when writes go on.
  await ledger.untilAcknowledged(from + 20, recoveryMs);
  await injected;
  if (fault.lastsMs > 0) await sleep(fault.lastsMs);
  const healedFrom = ledgerNow();
  await fault.heal?.(lab, victim);
  await sleep(settleMs);
  await ledger.untilAcknowledged(ledgerNow(), recoveryMs);
  await lab.healthy(60_000);
  const to = ledgerNow();
  const { refused, unknown } = ledger.outcomes(from, to);
  const reasons = new Set(ledger.records.filter(({ doneAt }) => doneAt >= from).map(({ reason }) => reason));
  const pauseMs = ledger.longestPause(from, to);
  await ledger.check(members);
  reasons.delete(undefined);
  return { pauseMs, refused, unknown, reasons: [...reasons], healthyAgainMs: to - healedFrom };
}

/** For whoever looks into a run that took too long: what the database's agents decided and did. */
async function whatAgentsDid(lab: Lab, since: string): Promise<string> {
  const { database } = await lab.status();
  const lines = await Promise.all(
    database.members.map(async ({ host }) => {
      const { stdout } = await lab.run('logs', host, 'agent', '--lines', '300');
      return stdout.split('\n').filter((line) => (/time=(\S+)/.exec(line)?.[1] ?? '') >= since);
    }),
  );
  return lines
    .flat()
    .sort((a, b) => (/time=(\S+)/.exec(a)?.[1] ?? '').localeCompare(/time=(\S+)/.exec(b)?.[1] ?? ''))
    .join('\n');
}

async function strikeAgain(
  lab: Lab,
  fault: DatabaseFault,
  of: 'primary' | 'replica',
  { runs, strict }: Counts,
  log: Log,
): Promise<Evidence> {
  const ledger = await Ledger.create(lab);
  const seen: Run[] = [];
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
  const beyond = pauses.filter((pause) => pause > limitMs).length;
  const evidence = {
    fault: fault.name,
    runs,
    limitMs: fault.limitMs,
    withoutAcknowledgedWriteMs: summary(pauses),
    unknownOutcomes: summary(seen.map(({ unknown }) => unknown)),
    healthyAgainMs: summary(seen.map(({ healthyAgainMs }) => healthyAgainMs)),
    acknowledgedWrites: ledger.records.filter(({ outcome }) => outcome === 'acknowledged').length,
  };
  assert.equal(
    beyond,
    0,
    `${beyond} of ${runs} runs took longer than ${fault.limitMs} ms: ${JSON.stringify(evidence)}`,
  );
  return evidence;
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
