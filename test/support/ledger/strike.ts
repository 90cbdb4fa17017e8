/** One fault under load, from a healthy stack to a healthy stack, and what clients saw of it. */
import assert from 'node:assert/strict';
import type { StackFile } from '#src/spec/schema.ts';
import type { Lab } from '../lab.ts';
import { sleep } from '../wait.ts';
import type { DatabaseFault } from './faults.ts';
import type { Errors, Ledger } from './ledger.ts';
import { ledgerNow } from './records.ts';

/** Writes must have gone on for so long before and after a fault. */
const settleMs = 700;
const recoveryMs = 20_000;

/** One failover after the other is what is shown here: point 3 shows what is done against flapping. */
export function unheld(stack: StackFile): StackFile {
  return {
    ...stack,
    database: { ...stack.database, failover: { stableAfterMs: 1_000, free: 100, holdMs: 0 } },
  };
}

export const threeMembers = ['server-1', 'server-2', 'server-3'];

/** A third host, for the database alone. */
export function withThreeMembers(stack: StackFile): StackFile {
  return { ...stack, hosts: { ...stack.hosts, 'server-3': { roles: ['database'] } } };
}

export interface Strike {
  readonly pauseMs: number;
  readonly errors: Errors;
  /** What clients were told about writes that were not acknowledged. */
  readonly reasons: readonly (string | undefined)[];
  readonly healthyAgainMs: number;
}

/**
 * One fault under load, healed, and judged: every acknowledged write is on every member, none twice, none that was
 * refused; tables are equal; the stack is healthy again by itself.
 */
export async function strike(
  lab: Lab,
  ledger: Ledger,
  fault: DatabaseFault,
  of: 'primary' | 'replica',
): Promise<Strike> {
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
  const errors = ledger.errors(from, to);
  const reasons = new Set(ledger.records.filter(({ doneAt }) => doneAt >= from).map(({ reason }) => reason));
  const pauseMs = ledger.longestPause(from, to);
  await ledger.check(members);
  reasons.delete(undefined);
  if (fault.withoutErrors === true) {
    assert.deepEqual(errors.autocommit, { refused: 0, unknown: 0 }, [...reasons].join('; '));
  }
  return { pauseMs, errors, reasons: [...reasons], healthyAgainMs: to - healedFrom };
}

/** For whoever looks into a run that took too long: what the database's agents decided and did. */
export async function whatAgentsDid(lab: Lab, since: string): Promise<string> {
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
