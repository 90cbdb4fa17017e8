import assert from 'node:assert/strict';
import type { CommandOutput } from '#test/support/command.ts';
import { accountsOf, membersOf, query, queryLocally } from '#test/support/database.ts';
import type { Lab } from '#test/support/lab.ts';
import { sleep } from '#test/support/wait.ts';
import { type Evidence, type OwnPoint, withLab } from './point.ts';

interface Counts {
  /** How long the transaction that writes stays open. */
  readonly transactionSeconds: number;
}

interface Open {
  readonly longQuery: Promise<CommandOutput>;
  readonly idle: Promise<CommandOutput>;
  readonly writing: Promise<CommandOutput>;
}

/** Three sessions on the primary, as an application has them. */
async function openSessions(lab: Lab, id: string, seconds: number): Promise<Open> {
  const { application, schema } = await accountsOf(lab);
  const { primary } = await membersOf(lab);
  const on = (sql: string) => query(lab, 'server-1', primary.address, application, `USE ${schema}; ${sql}`);
  const sessions = {
    longQuery: on(`SELECT CONCAT('slept ', SLEEP(${seconds}))`),
    idle: on(`BEGIN; SELECT COUNT(*) FROM users; DO SLEEP(${seconds}); COMMIT; SELECT 'idle ended'`),
    writing: on(`BEGIN; INSERT INTO patient VALUES ('${id}'); DO SLEEP(${seconds}); COMMIT; SELECT 'wrote'`),
  };
  for (const session of Object.values(sessions)) session.catch(() => undefined);
  await sleep(1_000);
  return sessions;
}

async function outcomes(open: Open) {
  const said = async (session: Promise<CommandOutput>) => {
    const { code, stdout, stderr } = await session;
    return code === 0 ? stdout.trim().split('\n').at(-1) : stderr.trim();
  };
  const [longQuery, idle, writing] = [said(open.longQuery), said(open.idle), said(open.writing)];
  return { longQuery: await longQuery, idle: await idle, writing: await writing };
}

async function switchover(lab: Lab) {
  const startedMs = performance.now();
  const { code, stdout, stderr } = await lab.run('switchover', '--yes');
  return {
    code,
    seconds: Math.round((performance.now() - startedMs) / 100) / 10,
    said: `${stdout}${stderr}`
      .trim()
      .split('\n')
      .filter((line) => /transaction|primary|taken over/.test(line)),
  };
}

/** It is not done while a transaction that has written is open, and nothing has changed when it is given up. */
async function givesUp(lab: Lab, seconds: number): Promise<Evidence> {
  const before = (await lab.healthy()).database.primary;
  const open = await openSessions(lab, 'kept', seconds);
  const result = await switchover(lab);
  assert.notEqual(result.code, 0, 'the switchover was done over an open transaction');
  assert.ok(
    result.said.some((line) => /waits for 1 open transaction/.test(line)),
    result.said.join('\n'),
  );
  assert.equal((await lab.status()).database.primary, before);
  const sessions = await outcomes(open);
  assert.deepEqual(sessions, { longQuery: 'slept 0', idle: 'idle ended', writing: 'wrote' });
  return { ...result, sessions };
}

/** The same, but the wait ends with the end of the transaction. */
async function waitsForIt(lab: Lab): Promise<Evidence> {
  const before = (await lab.healthy()).database.primary;
  const open = await openSessions(lab, 'awaited', 5);
  const result = await switchover(lab);
  assert.equal(result.code, 0, result.said.join('\n'));
  assert.notEqual((await lab.status()).database.primary, before);
  const sessions = await outcomes(open);
  assert.equal(sessions.writing, 'wrote');
  return { ...result, sessions };
}

/** By the other setting it is ended after the wait, and told so; what only reads goes on. */
async function endsThem(lab: Lab, seconds: number): Promise<Evidence> {
  const { stack } = lab;
  await lab.write({
    ...stack,
    database: { ...stack.database, switchover: { waitMs: 2_000, atTimeout: 'end-transactions' } },
  });
  await lab.expect('up');
  const before = (await lab.healthy()).database.primary;
  const open = await openSessions(lab, 'ended', seconds);
  const result = await switchover(lab);
  assert.equal(result.code, 0, result.said.join('\n'));
  assert.notEqual((await lab.status()).database.primary, before);
  const sessions = await outcomes(open);
  assert.match(sessions.writing ?? '', /ERROR/);
  return { ...result, sessions };
}

export const switchoverWaits: OwnPoint<Counts> = {
  kind: 'own',
  id: 'failover-7',
  title:
    'A switchover with a long query, an idle transaction and one that writes for 30 s: what it waits for',
  inSuite: false,
  small: { transactionSeconds: 15 },
  full: { transactionSeconds: 30 },
  run: (place, { counts, log }) =>
    withLab(place, async (lab) => {
      const { schema } = await accountsOf(lab);
      const primary = (await lab.healthy()).database.primary ?? '';
      await queryLocally(lab, primary, `CREATE TABLE ${schema}.patient (id VARCHAR(64) PRIMARY KEY)`);
      await lab.healthy();
      const gaveUp = await givesUp(lab, counts.transactionSeconds);
      log(JSON.stringify(gaveUp));
      const waited = await waitsForIt(lab);
      log(JSON.stringify(waited));
      const ended = await endsThem(lab, counts.transactionSeconds);
      log(JSON.stringify(ended));
      const now = (await lab.healthy()).database.primary ?? '';
      const { stdout } = await queryLocally(lab, now, `SELECT id FROM ${schema}.patient ORDER BY id`);
      assert.equal(stdout.trim(), 'awaited\nkept');
      return { gaveUp, waited, ended };
    }),
};
