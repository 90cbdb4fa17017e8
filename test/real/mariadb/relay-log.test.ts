import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { removeDirectories } from './data-directory.ts';
import { caughtUp, ids, insert, REPLICA_SIDE, replicaStatus, semiSyncGroup, written } from './replication.ts';
import { disposeServers, type MariadbServer } from './server.ts';
import { waitFor } from './wait.ts';

afterEach(disposeServers);
afterAll(removeDirectories);

/** How a replica comes to stand with both threads stopped. */
const stops = {
  'STOP SLAVE': (replica: MariadbServer) => replica.run('STOP SLAVE'),
  'kill -9 and a restart': async (replica: MariadbServer) => {
    await replica.kill();
    await replica.start(REPLICA_SIDE, 'read-only');
  },
};

/** A replica that has applied row 1, has rows 2 to 40 in its relay log only, and whose primary is gone for good. */
async function receivedOnly(stop: (replica: MariadbServer) => Promise<void>): Promise<MariadbServer> {
  const { primary, replica } = await semiSyncGroup(1);
  await primary.run(insert(1));
  await caughtUp(replica, primary);
  await replica.run('STOP SLAVE SQL_THREAD');
  for (let id = 2; id <= 40; id++) await primary.run(insert(id));
  await stop(replica);
  await primary.kill();
  return replica;
}

const allIds = Array.from({ length: 40 }, (_, index) => index + 1).join(',');

/** What mariadb-binlog makes of the relay log files, from after `position` on. */
function relayLog(replica: MariadbServer, position?: string): string {
  const files = readdirSync(replica.dataDirectory)
    .filter((name) => /^relay\.\d+$/.test(name))
    .sort()
    .map((name) => join(replica.dataDirectory, name));
  const start = position === undefined ? [] : [`--start-position=${position}`];
  return execFileSync('mariadb-binlog', ['--no-defaults', ...start, ...files], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
}

/** The GTIDs in such a text, in order. */
function gtids(text: string): string[] {
  return [...text.matchAll(/^#.*\bGTID (\d+-\d+-\d+)/gm)].map((match) => match[1] ?? '');
}

const missing = Array.from({ length: 39 }, (_, index) => `0-1-${index + 3}`);

describe.each(Object.entries(stops))(
  'a replica after %s, with received transactions not applied',
  (_name, stop) => {
    // The sync standby's relay log may hold the only copy of acknowledged writes: a plain START SLAVE, the first thing
    // that everybody tries, throws it away. So nothing in Tandem starts replication before it was saved or replayed.
    test.each(['START SLAVE', 'START SLAVE SQL_THREAD'])(
      'loses them all by %s in GTID mode',
      async (statement) => {
        const replica = await receivedOnly(stop);
        expect(gtids(relayLog(replica))).toEqual(expect.arrayContaining(missing));
        await replica.run(statement);
        await waitFor(
          'the SQL thread',
          async () => (await replicaStatus(replica, 'Slave_SQL_Running')) === 'Yes',
        );
        expect(await ids(replica)).toBe('1');
        expect(gtids(relayLog(replica))).toEqual([]);
        expect(await replicaStatus(replica, 'Last_SQL_Errno')).toBe('0');
      },
    );

    // How a restarted member learns what it has received, and how the tail is saved.
    test('lists exactly them by mariadb-binlog --start-position=GTID', async () => {
      const replica = await receivedOnly(stop);
      expect(gtids(relayLog(replica, await written(replica)))).toEqual(missing);
    });

    // First way to keep them: the applier goes on in the file where it stood.
    test('recovers all by MASTER_USE_GTID=no with the relay log position, then START SLAVE SQL_THREAD', async () => {
      const replica = await receivedOnly(stop);
      const file = await replicaStatus(replica, 'Relay_Log_File');
      const position = await replicaStatus(replica, 'Relay_Log_Pos');
      await replica.run(
        `CHANGE MASTER TO MASTER_USE_GTID=no, RELAY_LOG_FILE='${file}', RELAY_LOG_POS=${position}`,
        'START SLAVE SQL_THREAD',
      );
      await waitFor('all rows', async () => (await ids(replica)) === allIds);
      expect(await written(replica)).toBe('0-1-41');
      await waitFor(
        'gtid_slave_pos',
        async () => (await replica.value('SELECT @@gtid_slave_pos')) === '0-1-41',
      );
      // And the way back to GTID mode loses nothing more.
      await replica.run('STOP SLAVE', 'CHANGE MASTER TO MASTER_USE_GTID=slave_pos');
      expect(await replica.value('SELECT @@gtid_slave_pos')).toBe('0-1-41');
    });

    // Second way: as SQL. It keeps each GTID, so the member stays comparable.
    test('recovers all by feeding the output of mariadb-binlog to a client', async () => {
      const replica = await receivedOnly(stop);
      const sql = relayLog(replica, await written(replica));
      const client = ['--no-defaults', `--socket=${replica.socketPath}`, '--user=root', '--binary-mode'];
      execFileSync('mariadb', client, { input: sql });
      expect(await ids(replica)).toBe(allIds);
      expect(await written(replica)).toBe('0-1-41');
      // But not as a replica: replication would start again from here.
      expect(await replica.value('SELECT @@gtid_slave_pos')).toBe('0-1-2');
    });
  },
);

describe('the received position', () => {
  // A running replica tells it; this is what candidates are ranked by.
  test('is Gtid_IO_Pos while the server runs, also with both threads stopped', async () => {
    const replica = await receivedOnly(stops['STOP SLAVE']);
    expect(await replicaStatus(replica, 'Gtid_IO_Pos')).toBe('0-1-41');
    expect(await replica.value('SELECT @@gtid_slave_pos')).toBe('0-1-2');
  });

  // After a restart the server doesn't know it, and an empty position is no statement that nothing was received.
  test('is empty after a restart', async () => {
    const replica = await receivedOnly(stops['kill -9 and a restart']);
    expect(await replicaStatus(replica, 'Gtid_IO_Pos')).toBe('');
    expect(await replicaStatus(replica, 'Using_Gtid')).toBe('Slave_Pos');
  });

  // So START SLAVE is safe only while the SQL thread has nothing left, or one of the threads still runs.
  test('survives a stop and start of one thread while the other runs', async () => {
    const { primary, replica } = await semiSyncGroup(1);
    await replica.run('STOP SLAVE SQL_THREAD');
    for (let id = 1; id <= 5; id++) await primary.run(insert(id));
    await primary.kill();
    await replica.run('START SLAVE SQL_THREAD');
    await waitFor('all rows', async () => (await ids(replica)) === '1,2,3,4,5');
    expect(await replicaStatus(replica, 'Gtid_IO_Pos')).toBe('0-1-6');
  });
});

describe('a damaged relay log', () => {
  // A torn last event (power loss) must make the member ineligible instead of shortening its position in silence.
  test('makes mariadb-binlog fail', async () => {
    const replica = await receivedOnly(stops['kill -9 and a restart']);
    const file = join(replica.dataDirectory, 'relay.000002');
    const size = Number(execFileSync('stat', ['--format=%s', file], { encoding: 'utf8' }));
    execFileSync('truncate', [`--size=${size - 7}`, file]);
    expect(() => relayLog(replica, '0-1-2')).toThrow();
  });
});
