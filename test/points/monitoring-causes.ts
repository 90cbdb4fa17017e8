/** Real causes of alerts in a lab, each with what takes it back. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import { issueLeaf } from '#src/adapters/tls/authority.ts';
import { expectCommand } from '#test/support/command.ts';
import { accountsOf, membersOf, queryLocally } from '#test/support/database.ts';
import type { Lab } from '#test/support/lab.ts';
import type { WebhookReceiver } from '#test/support/webhook.ts';

export interface World {
  readonly lab: Lab;
  /** The second receiver, which may refuse. */
  readonly other: WebhookReceiver;
  /** The machine's path of lb-2's /var/lib/tandem, a small disk of its own. */
  readonly disk: string;
}

type Heal = () => Promise<void>;

export interface Cause {
  readonly what: string;
  /** Alerts that must fire, and resolve once it is healed. */
  readonly alerts: readonly string[];
  provoke(world: World): Promise<Heal>;
}

async function freeze(lab: Lab, what: readonly (readonly [host: string, service: string])[]): Promise<Heal> {
  for (const [host, service] of what) await lab.signalService(host, service, 'SIGSTOP');
  return async () => {
    for (const [host, service] of what) await lab.signalService(host, service, 'SIGCONT');
  };
}

async function exec(lab: Lab, host: string, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await lab.exec(host, ...words);
  if (code !== 0) throw new Error(`${words.join(' ')} on ${host}: ${stderr}`);
  return stdout;
}

async function sql(lab: Lab, host: string, statement: string): Promise<void> {
  const { code, stderr } = await queryLocally(lab, host, statement);
  if (code !== 0) throw new Error(`${statement}: ${stderr}`);
}

/** Keeps doing something until it is told to stop. */
function repeat(everyMs: number, work: () => Promise<unknown>): Heal {
  let stopped = false;
  const done = (async () => {
    while (!stopped) {
      await work().catch(() => undefined);
      await sleep(everyMs);
    }
  })();
  return async () => {
    stopped = true;
    await done;
  };
}

const post = (lab: Lab) => async () =>
  lab.fetch('/api/users', {
    method: 'POST',
    body: { name: 'lag', email: `lag-${Date.now()}@example.org` },
    timeoutMs: 5_000,
  });

export const causes: readonly Cause[] = [
  {
    what: "a host's link is down",
    alerts: ['HostDown', 'SyncDegraded', 'FailoverImpossible'],
    async provoke({ lab }) {
      const { replica } = await membersOf(lab);
      await lab.fault('link-down', replica.host);
      return () => lab.fault('link-up', replica.host);
    },
  },
  {
    what: 'the disk of a host is 90 % full',
    alerts: ['DiskFull'],
    async provoke({ disk }) {
      const filler = join(disk, 'filler');
      await expectCommand('fallocate', ['--length', '880MiB', filler]);
      return async () => {
        await expectCommand('rm', ['-f', filler]);
      };
    },
  },
  {
    what: 'replication is cut off between the database hosts',
    alerts: ['ReplicationStopped', 'SyncDegraded'],
    async provoke({ lab }) {
      const { replica } = await membersOf(lab);
      const rules =
        'table inet test_cut { chain output { type filter hook output priority -10; tcp dport 3306 drop; }; chain input { type filter hook input priority -10; tcp sport 3306 drop; }; }';
      await exec(lab, replica.host, 'nft', rules);
      return async () => {
        await exec(lab, replica.host, 'nft', 'delete table inet test_cut');
      };
    },
  },
  {
    what: 'a session on the replica locks a table that is written to',
    alerts: ['ReplicaLag'],
    async provoke({ lab }) {
      const { replica } = await membersOf(lab);
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
        await sql(
          lab,
          replica.host,
          "EXECUTE IMMEDIATE (SELECT CONCAT('KILL ', ID) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DO SLEEP(3600)%' LIMIT 1)",
        );
        await lock;
      };
    },
  },
  {
    what: 'somebody writes on a replica, past its read-only mode',
    alerts: ['ErrantTransactions'],
    async provoke({ lab }) {
      const { replica } = await membersOf(lab);
      const { schema } = await accountsOf(lab);
      await sql(lab, replica.host, `CREATE TABLE ${schema}.errant (id INT PRIMARY KEY)`);
      return async () => {
        await lab.expect('db', 'rejoin', replica.host, '--yes');
        await lab.healthy(300_000);
        await exec(lab, replica.host, 'sh', '-c', 'rm -f /var/lib/tandem/mariadb/errant/*');
      };
    },
  },
  {
    what: "the site's certificate ends in five days",
    alerts: ['CertificateEnds'],
    async provoke({ lab }) {
      const directory = join(lab.directory, 'near');
      await mkdir(directory, { recursive: true });
      const material = join(await lab.stateDirectory(), 'material');
      const authority = {
        certificate: await readFile(join(material, 'ca.pem'), 'utf8'),
        key: await readFile(join(material, 'ca.key'), 'utf8'),
      };
      const domain = `${lab.stack.stack}.internal`;
      const day = 86_400_000;
      const near = await issueLeaf(
        authority,
        { commonName: domain, names: [domain, (await lab.status()).site.address] },
        Date.now() - 392 * day,
      );
      await writeFile(join(directory, 'site.pem'), near.certificate);
      await writeFile(join(directory, 'site.key'), near.key);
      const before = lab.stack;
      const files = { certificateFile: 'near/site.pem', keyFile: 'near/site.key' };
      await lab.write({ ...before, site: { ...before.site, certificate: files } });
      await lab.expect('up');
      return async () => {
        await lab.write(before);
        await lab.expect('up');
      };
    },
  },
  {
    what: 'all applications hang, and users ask',
    alerts: ['WebTierDown', 'ErrorRatio'],
    async provoke({ lab }) {
      const apps = ['server-1', 'server-2'].flatMap((host) =>
        ['app-1', 'app-2'].map((service) => [host, service] as const),
      );
      const heal = await freeze(lab, apps);
      const stop = repeat(200, () => lab.fetch('/api/users', { timeoutMs: 20_000 }));
      return async () => {
        await heal();
        // Resolved only while somebody is answered well.
        setTimeout(() => void stop(), 90_000);
      };
    },
  },
  {
    what: 'the applications of one web host hang',
    alerts: ['WebHostDown'],
    async provoke({ lab }) {
      return freeze(lab, [
        ['server-2', 'app-1'],
        ['server-2', 'app-2'],
      ]);
    },
  },
  {
    what: 'a service dies at each start',
    alerts: ['CrashLoop', 'ServiceDown'],
    async provoke({ lab }) {
      const until = lab.keepDown('server-1', ['app-2'], 150_000);
      until.catch(() => undefined);
      return () => until;
    },
  },
  {
    what: 'HAProxy hangs on both balancers',
    alerts: ['AddressUnheld', 'BalancerTierDown'],
    async provoke({ lab }) {
      return freeze(lab, [
        ['lb-1', 'haproxy'],
        ['lb-2', 'haproxy'],
      ]);
    },
  },
  {
    what: 'the passive balancer has the floating address too',
    alerts: ['AddressHeldTwice'],
    async provoke({ lab }) {
      const { balancer, site } = await lab.status();
      const passive = balancer.active === 'lb-1' ? 'lb-2' : 'lb-1';
      const address = `${site.address}/${lab.subnet.split('/')[1]}`;
      // Again and again: whoever is the master by right makes the network forget it, and its agent may take it off.
      const stop = repeat(500, () => lab.exec(passive, 'ip', 'address', 'add', address, 'dev', 'eth0'));
      return async () => {
        await stop();
        await lab.exec(passive, 'ip', 'address', 'del', address, 'dev', 'eth0');
      };
    },
  },
  {
    what: 'two members of etcd hang',
    alerts: ['QuorumLost', 'QuorumMemberDown'],
    async provoke({ lab }) {
      return freeze(lab, [
        ['server-1', 'etcd'],
        ['server-2', 'etcd'],
      ]);
    },
  },
  {
    what: 'both database servers hang',
    alerts: ['DatabaseTierDown', 'DatabaseMemberDown'],
    async provoke({ lab }) {
      return freeze(lab, [
        ['server-1', 'mariadb'],
        ['server-2', 'mariadb'],
      ]);
    },
  },
  {
    what: 'an exporter hangs',
    alerts: ['TargetDown'],
    async provoke({ lab }) {
      return freeze(lab, [['server-1', 'node-exporter']]);
    },
  },
  {
    what: "MariaDB's account for figures is gone",
    alerts: ['DatabaseUnseen'],
    async provoke({ lab }) {
      const { primary } = await membersOf(lab);
      await sql(lab, primary.host, 'DROP USER prometheus@localhost');
      return async () => {
        const now = (await membersOf(lab)).primary.host;
        await sql(
          lab,
          now,
          'CREATE USER prometheus@localhost IDENTIFIED VIA unix_socket WITH MAX_USER_CONNECTIONS 3',
        );
      };
    },
  },
  {
    what: 'clients hold connections to HAProxy',
    alerts: ['BalancerSaturated'],
    async provoke({ lab }) {
      const { site } = await lab.status();
      const sockets = Array.from({ length: 550 }, () => {
        const socket = createConnection({ host: site.address, port: 80 });
        socket.on('error', () => undefined);
        return socket;
      });
      return async () => {
        for (const socket of sockets) socket.destroy();
      };
    },
  },
  {
    what: 'sessions use most of the connections of a database server, and of an SQL router',
    alerts: ['DatabaseSaturated', 'RouterSaturated'],
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
  {
    what: "Prometheus' rules can't be read",
    alerts: ['PrometheusTrouble'],
    async provoke({ lab }) {
      const file = join(await lab.stateDirectory(), 'hosts/lb-1/config/prometheus/rules.yml');
      const before = await readFile(file, 'utf8');
      const reload = () => lab.signalService('lb-1', 'prometheus', 'SIGHUP');
      await writeFile(file, 'groups: nothing\n');
      await reload();
      return async () => {
        await writeFile(file, before);
        await reload();
      };
    },
  },
  {
    what: 'a receiver refuses what it is told',
    alerts: ['AlertsUndelivered'],
    async provoke({ lab, other }) {
      other.refuses = true;
      // Something that there is to tell.
      const heal = await freeze(lab, [['server-2', 'node-exporter']]);
      return async () => {
        other.refuses = false;
        await heal();
      };
    },
  },
  {
    what: 'the two Alertmanagers do not reach each other',
    alerts: ['AlertmanagersApart'],
    async provoke({ lab }) {
      const rules =
        'table inet test_cut { chain output { type filter hook output priority -10; tcp dport 9094 drop; tcp sport 9094 drop; }; }';
      await exec(lab, 'lb-1', 'nft', rules);
      return async () => {
        await exec(lab, 'lb-1', 'nft', 'delete table inet test_cut');
      };
    },
  },
  {
    what: 'the links of three hosts are down',
    alerts: ['MonitoringBlind'],
    async provoke({ lab }) {
      const hosts = ['lb-2', 'server-1', 'server-2'];
      for (const host of hosts) await lab.fault('link-down', host);
      return async () => {
        for (const host of hosts) await lab.fault('link-up', host);
      };
    },
  },
  {
    what: 'maintenance was begun thirteen hours ago',
    alerts: ['MaintenanceLong'],
    async provoke({ lab }) {
      await lab.expect('maintenance', 'on');
      const tls = [
        '--cacert=/etc/tandem/etcd/ca.pem',
        '--cert=/etc/tandem/etcd/host.pem',
        '--key=/etc/tandem/etcd/host.key',
      ];
      const { hosts } = await lab.status();
      const endpoint = `--endpoints=https://${hosts.find(({ name }) => name === 'lb-1')?.address}:2379`;
      const record = JSON.stringify({ by: 'test', sinceMs: Date.now() - 13 * 3_600_000 });
      await exec(
        lab,
        'lb-1',
        ...[
          'env',
          'ETCDCTL_API=3',
          'etcdctl',
          ...tls,
          endpoint,
          'put',
          '/tandem/database/maintenance',
          record,
        ],
      );
      return async () => {
        await lab.expect('maintenance', 'off');
      };
    },
  },
];

/** Alerts that no lab can make real on a machine that it shares: their rules are tried by promtool only. */
export const notProvoked = [
  'ClockSkew',
  'CpuSaturated',
  'MemoryShort',
  'OutOfMemory',
  'QuorumSpace',
] as const;
