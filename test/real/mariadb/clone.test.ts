import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { asServerUser, giveToServer, removeDirectories } from './data-directory.ts';
import {
  attach,
  caughtUp,
  ids,
  insert,
  replicaStatus,
  semiSyncGroup,
  submit,
  waitingCommits,
} from './replication.ts';
import { disposeServers, MariadbServer } from './server.ts';
import { sleep, waitFor } from './wait.ts';

afterEach(disposeServers);
afterAll(removeDirectories);

/** A prepared copy of `source`, streamed, as a server that isn't started yet. */
async function clone(source: MariadbServer): Promise<MariadbServer> {
  const copy = await MariadbServer.createWithoutData('clone', ['server-id=10', 'read-only']);
  mkdirSync(copy.dataDirectory);
  giveToServer(copy.dataDirectory);
  const [program = '', ...args] = asServerUser([
    'bash',
    '-c',
    'set -euo pipefail; ' +
      'mariadb-backup --no-defaults --backup --stream=mbstream --user=root --socket="$1" --datadir="$2" ' +
      '--target-dir="$3" | mbstream -x -C "$3"; mariadb-backup --no-defaults --prepare --target-dir="$3"',
    'clone',
    source.socketPath,
    source.dataDirectory,
    copy.dataDirectory,
  ]);
  execFileSync(program, args, { stdio: 'pipe' });
  return copy;
}

/** File, offset and GTID position that the backup says it ends with. */
function backupPosition(copy: MariadbServer): string[] {
  return readFileSync(join(copy.dataDirectory, 'xtrabackup_binlog_info'), 'utf8').trim().split('\t');
}

describe('a clone by mariadb-backup', () => {
  // The exact order that a rejoin by clone follows.
  test('becomes a replica: positions from xtrabackup_binlog_info, then CHANGE MASTER and START SLAVE', async () => {
    const { primary, replica } = await semiSyncGroup(1);
    await primary.run(insert(1), insert(2));
    await caughtUp(replica, primary);
    const copy = await clone(replica);
    const [file, offset, position] = backupPosition(copy);
    expect([file, position]).toEqual(['binlog.000001', '0-1-3']);
    expect(Number(offset)).toBeGreaterThan(4);
    // That name came with MariaDB 11.1 only.
    expect(existsSync(join(copy.dataDirectory, 'mariadb_backup_binlog_info'))).toBe(false);

    await copy.start();
    await copy.run(`SET GLOBAL gtid_binlog_state='${position}'`, `SET GLOBAL gtid_slave_pos='${position}'`);
    expect(await copy.value('SELECT @@gtid_binlog_pos')).toBe('0-1-3');
    await primary.run(insert(3));
    await attach(copy, primary);
    await caughtUp(copy, primary);
    expect(await ids(copy)).toBe('1,2,3');
  });

  // Without the binary log state, a promotion that waits for gtid_binlog_pos would wait for ever.
  test('of a replica knows gtid_slave_pos, but has an empty gtid_binlog_pos and no source', async () => {
    const { primary, replica } = await semiSyncGroup(1);
    await primary.run(insert(1));
    await caughtUp(replica, primary);
    const copy = await clone(replica);
    await copy.start();
    expect(await copy.value('SELECT @@gtid_slave_pos')).toBe('0-1-2');
    expect(await copy.value('SELECT @@gtid_binlog_pos')).toBe('');
    expect(await copy.value('SELECT @@gtid_binlog_state')).toBe('');
    expect(await copy.rows('SHOW SLAVE STATUS')).toEqual([]);
    expect(await replicaStatus(replica, 'Slave_SQL_Running')).toBe('Yes');
  });

  test('of a primary has an empty gtid_slave_pos; the position is in xtrabackup_binlog_info', async () => {
    const { primary, replica } = await semiSyncGroup(1);
    await primary.run(insert(1));
    await caughtUp(replica, primary);
    const copy = await clone(primary);
    expect(backupPosition(copy)[2]).toBe('0-1-2');
    await copy.start();
    expect(await copy.value('SELECT @@gtid_slave_pos')).toBe('');
    expect(await copy.value('SELECT @@gtid_binlog_pos')).toBe('');
  });

  // One more reason to clone from a replica: on the primary, the backup's lock stands behind the waiting commit.
  test('of a primary whose commit waits for an acknowledgement does not end, nor on SIGTERM', async () => {
    const { primary, replica } = await semiSyncGroup(1);
    replica.freeze();
    await submit(primary, insert(1));
    await waitingCommits(primary, 1);
    const target = join(primary.directory, 'backup');
    const options = ['--no-defaults', '--backup', '--user=root', `--target-dir=${target}`];
    const source = [`--socket=${primary.socketPath}`, `--datadir=${primary.dataDirectory}`];
    const [program = '', ...args] = asServerUser(['mariadb-backup', ...options, ...source]);
    const backup = spawn(program, args, { stdio: 'ignore' });
    try {
      const blocked =
        'SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE "BACKUP STAGE BLOCK_COMMIT%"';
      await waitFor('the blocked backup', async () => (await primary.value(blocked)) === '1');
      backup.kill('SIGTERM');
      await sleep(500);
      expect([backup.exitCode, backup.signalCode]).toEqual([null, null]);
    } finally {
      backup.kill('SIGKILL');
      await once(backup, 'exit');
    }
  });

  // It waits for its own next look at the redo log while commits are stopped. A copy of a primary costs its clients that.
  test('stops commits for as long as its --log-copy-interval, a second by default', async () => {
    const primary = await (await MariadbServer.create('primary', ['server-id=1'])).start();
    await primary.run('CREATE TABLE test.t (id INT PRIMARY KEY) ENGINE=InnoDB');
    expect(await longestCommitMs(primary, [])).toBeGreaterThan(700);
    expect(await longestCommitMs(primary, ['--log-copy-interval=10'])).toBeLessThan(700);
  });
});

/** The longest of the commits made one after the other while a backup runs. */
async function longestCommitMs(primary: MariadbServer, more: readonly string[]): Promise<number> {
  const source = [`--socket=${primary.socketPath}`, `--datadir=${primary.dataDirectory}`];
  const options = ['--no-defaults', '--backup', '--stream=mbstream', '--user=root', ...source, ...more];
  const [program = '', ...args] = asServerUser([
    'mariadb-backup',
    ...options,
    `--target-dir=${primary.directory}`,
  ]);
  const backup = spawn(program, args, { stdio: 'ignore' });
  const ended = once(backup, 'exit');
  let longestMs = 0;
  for (let id = 1_000; backup.exitCode === null && backup.signalCode === null; id += 1) {
    const startedMs = performance.now();
    await primary.run(`REPLACE INTO test.t VALUES (${id})`);
    longestMs = Math.max(longestMs, performance.now() - startedMs);
  }
  expect((await ended)[0]).toBe(0);
  return longestMs;
}
