import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { removeDirectories } from './data-directory.ts';
import {
  attach,
  caughtUp,
  changeMaster,
  ids,
  insert,
  replicaStatus,
  semiSyncGroup,
  submit,
  written,
} from './replication.ts';
import { disposeServers, type MariadbServer } from './server.ts';
import { outcome, waitFor } from './wait.ts';

afterEach(disposeServers);
afterAll(removeDirectories);

/** A primary without waiting commits and a replica, both at 0-1-2 with row 1, not connected any more. */
async function parted(): Promise<{ primary: MariadbServer; replica: MariadbServer }> {
  const { primary, replica } = await semiSyncGroup(1);
  await primary.run(insert(1));
  await caughtUp(replica, primary);
  await replica.run('STOP SLAVE');
  return { primary, replica };
}

/** The same after a switchover by hand: the replica leads on under server_id 12 and has written row 2. */
async function switchedOver(formerId: number) {
  const { primary: former, replica: leader } = await parted();
  await leader.run('RESET SLAVE ALL', 'SET GLOBAL server_id=12', insert(2));
  await former.run('SET GLOBAL rpl_semi_sync_master_enabled=OFF', `SET GLOBAL server_id=${formerId}`);
  return { former, leader };
}

describe('gtid_slave_pos of a former primary', () => {
  // It knows only what was replicated, so it is no position of a member that has led.
  test('is empty, while gtid_binlog_pos tells where it stands', async () => {
    const { former } = await switchedOver(1);
    expect(await former.value('SELECT @@gtid_slave_pos')).toBe('');
    expect(await former.value('SELECT @@gtid_binlog_pos')).toBe('0-1-2');
  });

  // Started as it is, it asks for everything from the beginning on.
  test('makes it replicate from the beginning, which strict mode stops with 1950', async () => {
    const { former, leader } = await switchedOver(11);
    await attach(former, leader);
    await waitFor('the error', async () => (await replicaStatus(former, 'Last_SQL_Errno')) === '1950');
    expect(await ids(former)).toBe('1');
  });

  // What a rejoin does after its divergence check.
  test('set from gtid_binlog_pos lets it follow', async () => {
    const { former, leader } = await switchedOver(11);
    await former.run('SET GLOBAL gtid_slave_pos=@@gtid_binlog_pos');
    await attach(former, leader);
    await caughtUp(former, leader);
    expect(await ids(former)).toBe('1,2');
    expect(await former.value('SELECT @@gtid_slave_pos')).toBe('0-12-3');
  });

  // gtid_current_pos counts what was logged under the present server_id only: a fresh one empties it.
  test('and gtid_current_pos is empty too once the server_id has changed', async () => {
    const { former } = await switchedOver(1);
    expect(await former.value('SELECT @@gtid_current_pos')).toBe('0-1-2');
    await former.run('SET GLOBAL server_id=11');
    expect(await former.value('SELECT @@gtid_current_pos')).toBe('');
  });
});

describe('an errant transaction on a replica', () => {
  // The SQL thread stops, but what comes is received and acknowledged: only its error tells, so it is watched.
  test('stops the SQL thread with 1950 under slave_pos, and the replica still acknowledges', async () => {
    const { primary, replica } = await parted();
    await replica.run(insert(99), 'START SLAVE');
    const write = await submit(primary, insert(2));
    await waitFor('the error', async () => (await replicaStatus(replica, 'Last_SQL_Errno')) === '1950');
    expect(await replicaStatus(replica, 'Slave_IO_Running')).toBe('Yes');
    expect(await outcome(write.done, 5000)).toBe('ok');
    expect(await ids(replica)).toBe('1,99');
  });

  test('stops the IO thread with 1236 under current_pos', async () => {
    const { primary, replica } = await parted();
    await replica.run(changeMaster(primary, 'current_pos'), insert(99));
    const write = await submit(primary, insert(2));
    await waitFor('row 2 written', async () => (await written(primary)) === '0-1-3');
    await replica.run('START SLAVE');
    await waitFor('the error', async () => (await replicaStatus(replica, 'Last_IO_Errno')) === '1236');
    expect(await replicaStatus(replica, 'Last_IO_Error')).toContain('the slave has diverged');
    expect(await outcome(write.done, 100)).toBe('pending');
  });
});

describe('MASTER_GTID_WAIT', () => {
  // A position of another epoch with a smaller number counts as reached: the router's positions carry their epoch.
  test('compares sequence numbers only', async () => {
    const { replica } = await parted();
    expect(await replica.value('SELECT @@gtid_slave_pos')).toBe('0-1-2');
    expect(await replica.value("SELECT MASTER_GTID_WAIT('0-77-2', 0.05)")).toBe('0');
    expect(await replica.value("SELECT MASTER_GTID_WAIT('0-1-3', 0.05)")).toBe('-1');
  });

  // It waits for gtid_slave_pos: on a primary it never ends, whatever is in the binary log.
  test('times out on a primary for what the primary itself has written', async () => {
    const { primary } = await parted();
    expect(await written(primary)).toBe('0-1-2');
    expect(await primary.value("SELECT MASTER_GTID_WAIT('0-1-2', 0.05)")).toBe('-1');
  });
});

describe('a session', () => {
  // So an epoch's fresh id holds for new sessions alone: whoever was connected before has to connect again.
  test('goes on writing under the server_id that it began with', async () => {
    const { primary } = await semiSyncGroup(1);
    const before = await primary.connect();
    await primary.run('SET GLOBAL server_id=77');
    await before.query(insert(1));
    expect(await written(primary)).toMatch(/^0-1-\d+$/);
    await primary.run(insert(2));
    expect(await written(primary)).toMatch(/^0-77-\d+$/);
    before.destroy();
  });
});

describe('Slave_IO_Running', () => {
  // On a quiet source that lasts until its next heartbeat; taken for "not connected" it would be connected anew for ever.
  test('is Preparing on a connection on which no event has come', async () => {
    const { primary, replica } = await semiSyncGroup(1);
    await primary.run(insert(1));
    await caughtUp(replica, primary);
    await replica.run('STOP SLAVE IO_THREAD', 'START SLAVE IO_THREAD');
    const seen = new Set<string>();
    await waitFor('the connection', async () => {
      const state = await replicaStatus(replica, 'Slave_IO_Running');
      seen.add(state);
      return state === 'Preparing' || state === 'Yes';
    });
    expect([...seen].at(-1)).toMatch(/^(Preparing|Yes)$/);
    await primary.run(insert(2));
    await waitFor('an event', async () => (await replicaStatus(replica, 'Slave_IO_Running')) === 'Yes');
  });
});
