/** Causes of the alerts on the database and the quorum. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { accountsOf } from '#test/support/database.ts';
import type { Lab } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { type Cause, exec, expected, freeze, members, repeat, sql } from './cause.ts';

const post = (lab: Lab) => async () =>
  lab.fetch('/api/users', {
    method: 'POST',
    body: { name: 'lag', email: `lag-${Date.now()}@example.org` },
    timeoutMs: 5_000,
  });

export const databaseCauses: readonly Cause[] = [
  {
    what: 'replication is cut off between the database hosts',
    alerts: expected('ReplicationStopped', 'SyncDegraded'),
    group: 'figures',
    async provoke({ lab }) {
      const { replica } = await members(lab);
      const rules =
        'table inet test_cut { chain output { type filter hook output priority -10; meta skuid mysql tcp dport 3306 reject with tcp reset; }; }';
      await exec(lab, replica.host, 'nft', rules);
      // What nobody writes nobody has to acknowledge.
      const stop = repeat(1_000, post(lab));
      return async () => {
        await stop();
        await exec(lab, replica.host, 'nft', 'delete table inet test_cut');
      };
    },
  },
  {
    what: 'a session on the replica locks a table that is written to',
    alerts: expected('ReplicaLag'),
    group: 'lag',
    async provoke({ lab }) {
      const { replica } = await members(lab);
      const { schema } = await accountsOf(lab);
      const lock = lab.exec(
        replica.host,
        ...['mariadb', '--no-defaults', '--socket=/run/tandem/mariadb/mariadb.sock'],
        `--execute=LOCK TABLES ${schema}.users READ; DO SLEEP(3600)`,
      );
      lock.catch(() => undefined);
      const stop = repeat(1_000, post(lab));
      return async () => {
        await stop();
        const sleeping =
          "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DO SLEEP(3600)%' LIMIT 1";
        await sql(lab, replica.host, `KILL ${await sql(lab, replica.host, sleeping)}`);
        await lock;
      };
    },
  },
  {
    what: 'somebody writes on a replica, past its read-only mode',
    alerts: expected('ErrantTransactions'),
    group: 'errant',
    async provoke({ lab }) {
      const { replica } = await members(lab);
      const { schema } = await accountsOf(lab);
      await sql(lab, replica.host, `CREATE TABLE ${schema}.errant (id INT PRIMARY KEY)`);
      return async () => {
        // The next write stops its replication: then it is no standby any more, and only then may it be copied anew.
        const stop = repeat(1_000, post(lab));
        const rejoin = () => lab.expect('db', 'rejoin', replica.host, '--yes');
        await waitFor('the replica to be copied anew', rejoin, 300_000, 5_000).finally(stop);
        // It is back only when what it alone had lies beside it.
        const saved = async () => exec(lab, replica.host, 'ls', '/var/lib/tandem/mariadb/errant');
        await waitFor('what only the replica had', async () => (await saved()).trim() !== '', 300_000, 1_000);
        const isBack = async () => (await lab.status()).database.failover.possible;
        await waitFor('the replica as standby', isBack, 300_000, 1_000);
        await exec(lab, replica.host, 'sh', '-c', 'rm -f /var/lib/tandem/mariadb/errant/*');
      };
    },
  },
  {
    what: 'two members of etcd hang',
    alerts: expected('QuorumLost', 'QuorumMemberDown'),
    group: 'applications',
    async provoke({ lab }) {
      return freeze(lab, [
        ['server-1', 'etcd'],
        ['server-2', 'etcd'],
      ]);
    },
  },
  {
    what: 'both database servers hang',
    alerts: expected('DatabaseTierDown', 'DatabaseMemberDown'),
    group: 'tiers',
    async provoke({ lab }) {
      return freeze(lab, [
        ['server-1', 'mariadb'],
        ['server-2', 'mariadb'],
      ]);
    },
  },
  {
    what: 'sessions use most of the connections of a database server, and of an SQL router',
    alerts: expected('DatabaseSaturated', 'RouterSaturated'),
    group: 'figures',
    async provoke({ lab }) {
      const state = await lab.stateDirectory();
      const { application } = await accountsOf(lab);
      const { passwords } = JSON.parse(await readFile(join(state, 'material/secrets.json'), 'utf8')) as {
        passwords: { agent: string };
      };
      const at = (path: string) => join(state, 'hosts/server-1/run', path);
      const connect = (socketPath: string, user: string, password: string, count: number) =>
        Promise.all(
          Array.from({ length: count }, () => mysql.createConnection({ socketPath, user, password })),
        );
      const server = await connect(at('mariadb/mariadb.sock'), 'tandem_agent', passwords.agent, 48);
      const { user, password } = application;
      const router = await connect(at('router/router.sock'), user, password, 28);
      return async () => {
        for (const connection of [...server, ...router]) connection.destroy();
      };
    },
  },
];
