import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { removeDirectories } from './data-directory.ts';
import {
  attach,
  caughtUp,
  ids,
  insert,
  ioRunning,
  REPLICA_SIDE,
  replicaStatus,
  SOURCE_SIDE,
  semiSyncGroup,
  submit,
  waitingCommits,
  written,
} from './replication.ts';
import { disposeServers, MariadbServer } from './server.ts';
import { waitFor } from './wait.ts';

afterEach(disposeServers);
afterAll(removeDirectories);

/** InnoDB flushes its commit records about once a second; this keeps the kill in the window before it. */
const LATE_FLUSH = 'innodb-flush-log-at-timeout=2700';

/** A group whose primary has two acknowledged rows, both applied on the replica, and was then killed. */
async function killedAfterTwoRows() {
  const group = await semiSyncGroup(1, [LATE_FLUSH]);
  await group.primary.run(insert(1), insert(2));
  await group.primary.kill(); // At once: anything that makes InnoDB write pages flushes its log first.
  await waitFor('both rows on the replica', async () => (await ids(group.replica)) === '1,2');
  return group;
}

// Whatever is asked, InnoDB may flush its log at any time (a page that it makes room for): then there is nothing to truncate.
const mayFlush = { retry: 2 };

describe('recovery after kill -9 with --init-rpl-role=SLAVE', mayFlush, () => {
  // The client had its OK and the replica has the row. So SLAVE may not be a default, nor chosen before a newer
  // epoch is known: alone, this member would have lost an acknowledged write.
  test('truncates the last acknowledged transaction', async () => {
    const { primary, replica } = await killedAfterTwoRows();
    await primary.start('init-rpl-role=SLAVE', 'read-only');
    expect(await ids(primary)).toBe('1');
    expect(await written(primary)).toBe('0-1-2');
    expect(primary.log()).toContain('to remove transactions starting from GTID 0-1-3');
    expect(await ids(replica)).toBe('1,2');
  });

  // The same without the widened window: this is what happens, not what could.
  test('truncates it with the default flush interval too (seen at once, at most 4 tries)', async () => {
    let lost = 0;
    for (let attempt = 0; attempt < 4 && lost === 0; attempt++) {
      const { primary } = await semiSyncGroup(1);
      await primary.run(insert(1), insert(2));
      await primary.kill();
      await primary.start('init-rpl-role=SLAVE', 'read-only');
      if ((await ids(primary)) === '1') lost++;
      await disposeServers();
    }
    expect(lost).toBe(1);
  });

  // The role alone decides; that Tandem renders the replica side of semi-sync or not changes nothing.
  test.each([[[REPLICA_SIDE]], [[SOURCE_SIDE]]])(
    'truncates whatever the semi-sync options: %s',
    async (options) => {
      const { primary } = await killedAfterTwoRows();
      await primary.start('init-rpl-role=SLAVE', 'read-only', ...options);
      expect(await ids(primary)).toBe('1');
    },
  );

  // Why a truncated member may not lead before it has replicated from the newer epoch: the GTID of the lost
  // transaction is given again, and afterwards no comparison of positions finds the difference.
  test('lets the next write reuse the GTID, and both members differ without an error', async () => {
    const { primary, replica } = await killedAfterTwoRows();
    await replica.run('STOP SLAVE');
    await primary.start('init-rpl-role=SLAVE');
    await primary.run(insert(3));
    await replica.run('START SLAVE');
    await ioRunning(replica);
    await primary.run(insert(4));
    await caughtUp(replica, primary);
    expect([await ids(primary), await ids(replica)]).toEqual(['1,3,4', '1,2,4']);
    expect([await written(primary), await written(replica)]).toEqual(['0-1-4', '0-1-4']);
    expect(await replicaStatus(replica, 'Slave_SQL_Running')).toBe('Yes');
    expect([
      await replicaStatus(replica, 'Last_IO_Errno'),
      await replicaStatus(replica, 'Last_SQL_Errno'),
    ]).toEqual(['0', '0']);
  });

  // The lucky order of the same accident: a replica that reconnects before the next write does notice.
  test('stops a replica that reconnects before the next write with error 1236', async () => {
    const { primary, replica } = await killedAfterTwoRows();
    await replica.run('STOP SLAVE');
    await primary.start('init-rpl-role=SLAVE');
    await replica.run('START SLAVE');
    await waitFor('the error', async () => (await replicaStatus(replica, 'Last_IO_Errno')) === '1236');
    expect(await replicaStatus(replica, 'Last_IO_Error')).toContain("which is not in the master's binlog");
  });

  /** A killed primary with row 2 and then `statement` in its binary log, neither acknowledged. */
  async function killedWithTail(statement: string) {
    const { primary, replica } = await semiSyncGroup(1, [LATE_FLUSH]);
    await primary.run('CREATE TABLE test.m (id INT) ENGINE=MyISAM', insert(1));
    replica.freeze();
    await submit(primary, insert(2));
    await waitingCommits(primary, 1);
    await submit(primary, statement);
    await waitFor('both in the binary log', async () => (await written(primary)) === '0-1-5');
    await primary.kill();
    return primary;
  }

  // A start that fails the same way each time must not be retried, and not by a supervisor's restart policy either.
  // Allowing InnoDB alone doesn't prevent it: any DDL behind a waiting commit does the same.
  test.each([
    'INSERT INTO test.m VALUES (1)',
    'CREATE TABLE test.u (id INT) ENGINE=InnoDB',
    'CREATE USER somebody',
  ])('aborts every time when InnoDB and then this stands in the tail: %s', async (statement) => {
    const primary = await killedWithTail(statement);
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(await primary.startRefused('init-rpl-role=SLAVE')).toContain('Cannot truncate the binary log');
    }
    await primary.start('init-rpl-role=MASTER', 'read-only');
    expect(await ids(primary)).toBe('1,2');
    expect(await written(primary)).toBe('0-1-5');
  });

  // So truncation is no general way back to the acknowledged state: the check against the new epoch stays necessary.
  test('keeps DDL that nobody acknowledged', async () => {
    const { primary, replica } = await semiSyncGroup(1, [LATE_FLUSH]);
    replica.freeze();
    await submit(primary, 'CREATE TABLE test.u (id INT)');
    await waitingCommits(primary, 1);
    await primary.kill();
    await primary.start('init-rpl-role=SLAVE', 'read-only');
    expect(await primary.value('SHOW TABLES IN test LIKE "u"')).toBe('u');
    expect(await written(primary)).toBe('0-1-2');
  });
});

describe('recovery after kill -9 with --init-rpl-role=MASTER', () => {
  // Tandem's start: nothing acknowledged is lost in place, whatever else becomes of the tail.
  test('keeps the last acknowledged transaction', async () => {
    const { primary } = await killedAfterTwoRows();
    await primary.start('init-rpl-role=MASTER', 'read-only');
    expect(await ids(primary)).toBe('1,2');
    expect(await written(primary)).toBe('0-1-3');
  });

  // The role SLAVE has to be asked for: an option file without the line behaves like MASTER.
  test('is the default', async () => {
    const { primary } = await killedAfterTwoRows();
    await primary.start(REPLICA_SIDE, 'read-only');
    expect(await ids(primary)).toBe('1,2');
  });

  // The price: what was never acknowledged becomes visible too, and it can be saved as SQL from the binary log.
  // So clients stay closed off until the standby has acknowledged the whole recovered tail.
  test('keeps, with read_only and skip-slave-start, the whole tail, also what nobody acknowledged', async () => {
    const { primary, replica } = await semiSyncGroup(1, [LATE_FLUSH]);
    await primary.run(insert(1));
    replica.freeze();
    await submit(primary, insert(2));
    await waitingCommits(primary, 1);
    await submit(primary, insert(3));
    await waitFor('both in the binary log', async () => (await written(primary)) === '0-1-4');
    await primary.kill();
    await primary.start('init-rpl-role=MASTER', 'read-only', 'skip-slave-start', SOURCE_SIDE, REPLICA_SIDE);
    expect(await ids(primary)).toBe('1,2,3');
    expect(await written(primary)).toBe('0-1-4');
    expect(await primary.value('SELECT @@read_only')).toBe('1');
  });
});

describe('rejoin of a truncated member', mayFlush, () => {
  /** The truncated old primary, started with `options`, follows the replica that leads on. */
  async function rejoin(...options: string[]) {
    const { primary, replica } = await killedAfterTwoRows();
    await replica.run('STOP SLAVE', 'RESET SLAVE ALL');
    await primary.start('init-rpl-role=SLAVE', 'read-only', ...options);
    expect(await ids(primary)).toBe('1');
    await primary.run('SET GLOBAL gtid_slave_pos=@@gtid_binlog_pos');
    await attach(primary, replica);
    await waitFor(
      'the last position',
      async () => (await primary.value('SELECT @@gtid_slave_pos')) === '0-1-3',
    );
    return primary;
  }

  // Equal GTIDs prove nothing: this member says that it has all, and lacks an acknowledged row.
  test('skips the events of its own server_id and ends at the same GTID without the row', async () => {
    const member = await rejoin('server-id=1');
    expect(await ids(member)).toBe('1');
    expect(await member.value('SELECT @@gtid_slave_pos')).toBe('0-1-3');
    expect(await replicaStatus(member, 'Last_SQL_Errno')).toBe('0');
  });

  // Tandem's answer: an old identity is never used again, so nothing in the log counts as one's own.
  test('applies them under a fresh server_id', async () => {
    const member = await rejoin('server-id=7');
    expect(await ids(member)).toBe('1,2');
    expect(await written(member)).toBe('0-1-3');
  });

  // MariaDB's own answer holds only while the replica side is on from the first connection, so it isn't relied on.
  test('applies them with the replica side of semi-sync on', async () => {
    const member = await rejoin('server-id=1', REPLICA_SIDE);
    expect(await ids(member)).toBe('1,2');
  });

  // The option that would seem to help is no way out, as every member logs what it applies.
  test('can not be helped by --replicate-same-server-id, which refuses to start with log-slave-updates', async () => {
    const server = await MariadbServer.create('same-id', ['server-id=1']);
    expect(await server.startRefused('replicate-same-server-id')).toContain('replicate-same-server-id');
  });
});
