import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { removeDirectories } from './data-directory.ts';
import {
  ids,
  insert,
  type Submitted,
  semiSyncGroup,
  submit,
  waitingCommits,
  written,
} from './replication.ts';
import { disposeServers } from './server.ts';
import { outcome, waitFor } from './wait.ts';

afterEach(disposeServers);
afterAll(removeDirectories);

/** A group whose only acknowledging replica is frozen, and a primary with `count` commits that wait for it. */
async function waiting(count: number) {
  const group = await semiSyncGroup(1, ['innodb-flush-log-at-timeout=2700']);
  group.replica.freeze();
  const commits: Submitted[] = [];
  for (let id = 1; id <= count; id++) {
    commits.push(await submit(group.primary, insert(id)));
    await waitingCommits(group.primary, id);
  }
  return { ...group, commits: commits.map((commit) => commit.done) };
}

describe('switching the source side off', () => {
  // Hence a linearizable read must show `sync` = [self] first: this one statement confirms what only one disk holds.
  test('answers OK to all waiting commits', async () => {
    const { primary, commits } = await waiting(3);
    expect(await Promise.all(commits.map((commit) => outcome(commit, 300)))).toEqual([
      'pending',
      'pending',
      'pending',
    ]);
    await primary.run('SET GLOBAL rpl_semi_sync_master_enabled=OFF');
    expect(await Promise.all(commits.map((commit) => outcome(commit, 5000)))).toEqual(['ok', 'ok', 'ok']);
    expect(await ids(primary)).toBe('1,2,3');
  });
});

describe('what a probe may ask', () => {
  // A probe by these statements would call a primary dead that only waits for its standby.
  test.each(['SHOW MASTER STATUS', 'SHOW BINARY LOGS'])(
    '%s hangs behind two waiting commits, not one',
    async (sql) => {
      const { primary } = await waiting(1);
      expect(await outcome((await submit(primary, sql)).done, 5000)).toBe('ok');
      await submit(primary, insert(2));
      await waitingCommits(primary, 2);
      await waitFor('the second one in the binary log', async () => (await written(primary)) === '0-1-3');
      expect(await outcome((await submit(primary, sql)).done, 500)).toBe('pending');
    },
  );

  // What the agent reads instead; it must not take these for acknowledged positions.
  test('variables answer, and include what is not acknowledged', async () => {
    const { primary } = await waiting(2);
    await waitFor('both in the binary log', async () => (await written(primary)) === '0-1-3');
    expect(await primary.value('SELECT @@gtid_current_pos')).toBe('0-1-3');
    expect(await primary.value('SELECT @@gtid_binlog_state')).toBe('0-1-3');
    expect(await ids(primary)).toBe('');
  });

  // No measure of how many clients wait: those behind the first stand before the counter. And no more than two
  // groups of commits are in the binary log beyond the acknowledged ones.
  test('Rpl_semi_sync_master_wait_sessions stays 1, and the binary log two transactions ahead', async () => {
    const { primary } = await waiting(4);
    expect(await primary.status('Rpl_semi_sync_master_wait_sessions')).toBe('1');
    expect(await written(primary)).toBe('0-1-3');
  });
});

describe('demoting a primary with waiting commits', () => {
  // The row becomes visible to readers although nobody has acknowledged it, and the client doesn't know.
  test('KILL of the connection makes the row visible', async () => {
    const { primary } = await waiting(0);
    const { connection, done } = await submit(primary, insert(1));
    await waitingCommits(primary, 1);
    await primary.run(`KILL ${connection.threadId}`);
    expect(await outcome(done, 5000)).toBe(-1);
    await waitFor('the row', async () => (await ids(primary)) === '1');
  });

  // So it can't be the fence; it would only join the queue.
  test('SET GLOBAL read_only=1 hangs behind it', async () => {
    const { primary, replica } = await waiting(1);
    const { done } = await submit(primary, 'SET GLOBAL read_only=1');
    expect(await outcome(done, 500)).toBe('pending');
    expect(await primary.value('SELECT @@read_only')).toBe('0');
    replica.thaw();
    expect(await outcome(done, 5000)).toBe('ok');
  });

  // A clean shutdown commits the tail in InnoDB, so that recovery with the role SLAVE can't truncate it any more.
  test('SIGTERM commits it beyond truncation', async () => {
    const { primary, commits } = await waiting(1);
    await primary.stop();
    expect(commits[0] && (await outcome(commits[0], 1000))).toBe(-1);
    await primary.start('init-rpl-role=SLAVE', 'read-only');
    expect(await ids(primary)).toBe('1');
    expect(await written(primary)).toBe('0-1-2');
  });

  // SIGKILL leaves the choice: keep the tail (MASTER), or truncate it (SLAVE) once a newer epoch is known.
  test.each([
    ['SLAVE', '', '0-1-1'],
    ['MASTER', '1', '0-1-2'],
  ])('SIGKILL leaves the choice to the next start: %s', async (role, rows, position) => {
    const { primary } = await waiting(1);
    await primary.kill();
    await primary.start(`init-rpl-role=${role}`, 'read-only');
    expect(await ids(primary)).toBe(rows);
    expect(await written(primary)).toBe(position);
  });
});
