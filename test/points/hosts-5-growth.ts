import assert from 'node:assert/strict';
import type { StackFile } from '#src/spec/schema.ts';
import type { Lab } from '#test/support/lab.ts';
import { Ledger } from '#test/support/ledger/ledger.ts';
import { ledgerNow } from '#test/support/ledger/records.ts';
import { type Servers, startServers } from '#test/support/nspawn/servers.ts';
import { Prober } from '#test/support/prober.ts';
import type { Evidence, OwnPoint } from './point.ts';

interface Counts {
  /** A member that joins and one that is taken out; with more rounds the one that was taken out comes back. */
  readonly rounds: number;
  /** Of the ledger, on each of two hosts. */
  readonly workers: number;
}

type Hosts = StackFile['hosts'];

/** Everything that hosts serve with; the quorum's third member is a balancer. */
const everything: Hosts[string]['roles'] = ['web', 'database', 'quorum'];

/** What a client saw of a change. */
interface Step {
  readonly step: string;
  readonly upSeconds: number;
  /** More than one where `up` had lost its lock: on a machine that is too busy etcd does not answer for half a minute. */
  readonly runs: number;
  readonly http: {
    readonly requests: number;
    readonly failed: number;
    readonly longestPauseMs: number;
    readonly errors: readonly string[];
  };
  readonly sql: {
    readonly acknowledged: number;
    readonly refused: number;
    readonly unknown: number;
    readonly longestPauseMs: number;
  };
  readonly primary: string;
}

class Watch {
  readonly #lab: Lab;
  readonly #ledger: Ledger;
  readonly #log: (line: string) => void;
  readonly steps: Step[] = [];

  constructor(lab: Lab, ledger: Ledger, log: (line: string) => void) {
    this.#lab = lab;
    this.#ledger = ledger;
    this.#log = log;
  }

  async #upAgain() {
    for (let runs = 1; ; runs += 1) {
      const result = await this.#lab.run('up');
      if (runs === 3 || !/The lock of this stack was lost/.test(result.stderr)) return { ...result, runs };
    }
  }

  /** `up` with other hosts, while clients ask and write. */
  async up(step: string, hosts: Hosts): Promise<void> {
    const { stack } = this.#lab;
    await this.#lab.write({ ...stack, hosts });
    const prober = new Prober().start(await this.#lab.url('/api/users'), await this.#lab.ca(), {
      everyMs: 100,
      timeoutMs: 10_000,
    });
    const from = ledgerNow();
    const startedMs = performance.now();
    const { code, stdout, stderr, runs } = await this.#upAgain();
    const upSeconds = Math.round((performance.now() - startedMs) / 100) / 10;
    const to = ledgerNow();
    const seen = await prober.stop();
    this.#log(`${step}\n${stderr}`);
    assert.equal(code, 0, `${step}: ${stdout}${stderr}`);
    const { database } = await this.#lab.healthy(120_000);
    const within = this.#ledger.records.filter(({ doneAt }) => doneAt >= from && doneAt <= to);
    const count = (outcome: string) => within.filter((record) => record.outcome === outcome).length;
    const result: Step = {
      step,
      upSeconds,
      runs,
      http: {
        requests: seen.probes.length,
        failed: seen.failed.length,
        longestPauseMs: Math.round(seen.largestGapMs),
        errors: [...new Set(seen.failed.map(({ error }) => error))].slice(0, 5),
      },
      sql: {
        acknowledged: count('acknowledged'),
        refused: count('refused'),
        unknown: count('unknown'),
        longestPauseMs: Math.round(this.#ledger.longestPause(from, to)),
      },
      primary: database.primary ?? '',
    };
    this.steps.push(result);
    this.#log(JSON.stringify(result));
  }
}

/** What is left on a host that was taken out: its data, and nothing that runs or listens. */
async function leftOn({ hosts }: Servers, name: string): Promise<string> {
  const script = `ls -d /etc/tandem /opt/tandem /run/tandem /var/lib/tandem/etcd 2>/dev/null
    ls /etc/systemd/system | grep tandem
    systemctl list-units --all --plain --no-legend 'tandem-*' | awk '{print $1}'
    nft list tables | grep tandem
    apt-mark showhold; ls /etc/needrestart/conf.d 2>/dev/null
    [ -d /var/lib/tandem/mariadb/data ] || echo 'its data is gone'`;
  return (await hosts.host(name).console('sh', '-c', script)).stdout.trim();
}

/** Nothing of the host that went is left with the others. */
async function forgotten(lab: Lab, gone: string): Promise<void> {
  for (const host of lab.hosts) {
    const { stdout } = await lab.exec(host, 'sh', '-c', `grep -rlw ${gone} /etc/tandem || true`);
    assert.equal(stdout.trim(), '', `${host} still knows ${gone}`);
  }
  const { database } = await lab.status();
  const [member] = database.members;
  const sql = `SELECT User FROM mysql.global_priv WHERE User = 'tandem_replication_${gone}'`;
  const { stdout } = await lab.exec(
    member?.host ?? '',
    ...['mariadb', '--socket', '/run/tandem/mariadb/mariadb.sock', '-N', '-e', sql],
  );
  assert.equal(stdout.trim(), '', `the replication account of ${gone}`);
}

async function quorumOf(lab: Lab, host: string): Promise<readonly string[]> {
  const tls = (name: string) => `/etc/tandem/tls/${name}`;
  const { stdout, stderr } = await lab.exec(
    host,
    ...['env', 'ETCDCTL_API=3', 'etcdctl', '--endpoints', `https://${addressOf(lab, host)}:2379`],
    ...['--cacert', tls('ca.pem'), '--cert', tls('host.pem'), '--key', tls('host.key'), 'member', 'list'],
  );
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(', '));
  assert.ok(
    rows.every((row) => row[1] === 'started' && row[5] === 'false'),
    `members of the quorum: ${stdout}${stderr}`,
  );
  return rows.map((row) => row[2] ?? '').sort();
}

const addressOf = (lab: Lab, host: string): string => lab.stack.hosts[host]?.address ?? '';

/** What would harm is refused, with the reason, and changes nothing. */
async function refusals(lab: Lab, hosts: Hosts): Promise<Evidence> {
  const without = (...names: string[]): Hosts =>
    Object.fromEntries(Object.entries(hosts).filter(([name]) => !names.includes(name)));
  const servers = Object.keys(hosts).filter((name) => hosts[name]?.roles.includes('database') === true);
  const [first = '', second = ''] = servers;
  const spare = { roles: ['web', 'database', 'quorum'], address: '', ssh: 'server-3' } as const;
  const asked: Record<string, { hosts: Hosts; says: RegExp }> = {
    'two members of the quorum at once': {
      hosts: {
        ...without(first, second),
        [first]: { ...hosts[first], roles: ['web'] },
        [second]: { ...hosts[second], roles: ['database'] },
        'other-1': { ...spare, roles: ['quorum'], address: addressAt(lab, 61) },
        'other-2': { ...spare, roles: ['quorum'], address: addressAt(lab, 62) },
      } as Hosts,
      says: /would leave the quorum of 3 at once/,
    },
    'every web host': {
      hosts: Object.fromEntries(
        Object.entries(hosts).map(([name, host]) => [
          name,
          { ...host, roles: host.roles.filter((role) => role !== 'web') },
        ]),
      ) as Hosts,
      says: /no host has the role 'web'/,
    },
    'every member that has the data': {
      hosts: {
        ...Object.fromEntries(
          Object.entries(hosts).map(([name, host]) => [
            name,
            { ...host, roles: host.roles.filter((role) => role !== 'database') },
          ]),
        ),
        'other-1': { ...spare, roles: ['database'], address: addressAt(lab, 61) },
      } as Hosts,
      says: /every database member that has the data would leave/,
    },
    'another address for a host': {
      hosts: { ...hosts, [first]: { ...hosts[first], address: addressAt(lab, 63) } } as Hosts,
      says: /the others know the host by it/,
    },
  };
  const seen: Record<string, string> = {};
  for (const [what, { hosts: wanted, says }] of Object.entries(asked)) {
    await lab.write({ ...lab.stack, hosts: wanted });
    const { code, stderr } = await lab.run('up');
    assert.equal(code, 2, `${what}: ${stderr}`);
    assert.match(stderr, says, what);
    seen[what] = stderr.trim().split('\n').slice(0, 3).join(' | ').slice(0, 400);
  }
  await lab.write({ ...lab.stack, hosts });
  return seen;
}

function addressAt(lab: Lab, last: number): string {
  return lab.subnet.replace(/\.\d+\/\d+$/, `.${last}`);
}

export const growth: OwnPoint<Counts> = {
  kind: 'own',
  id: 'hosts-5',
  title: 'A third database member added under load, then the first one removed: no lost write, pauses shown',
  inSuite: false,
  small: { rounds: 1, workers: 1 },
  full: { rounds: 1, workers: 4 },
  async run(place, { counts, log }): Promise<Evidence> {
    const servers = await startServers(place, undefined, ['server-3']);
    const { lab, hosts: machines } = servers;
    let ledger: Ledger | undefined;
    try {
      const host = (name: string, roles: Hosts[string]['roles']) => ({
        [name]: { roles: [...roles], address: machines.host(name).address, ssh: name },
      });
      const balancers = { ...host('lb-1', ['balancer', 'quorum']), ...host('lb-2', ['balancer']) };
      let members = ['server-1', 'server-2'];
      const hostsOf = (names: readonly string[]): Hosts => ({
        ...balancers,
        ...Object.assign({}, ...names.map((name) => host(name, everything))),
      });
      await lab.write({ ...lab.stack, hosts: hostsOf(members) });
      await lab.expect('up');
      const refused = await refusals(lab, hostsOf(members));
      assert.match(await lab.expect('up'), /Nothing changed/, 'a refusal changed something');
      ledger = await Ledger.create(lab);
      const watch = new Watch(lab, ledger, log);
      const addresses = ['server-1', 'server-2', 'server-3'].map((name) => machines.host(name).address);
      // A host that is in at all times of a round writes: the last in, and its predecessor until it goes.
      await ledger.write(members, counts.workers, 20, addresses);
      const left: Record<string, string> = {};
      for (let round = 0; round < counts.rounds; round += 1) {
        const added = ['server-1', 'server-2', 'server-3'].find((name) => !members.includes(name)) ?? '';
        const [gone = '', kept = ''] = members;
        await watch.up(`${added} joins`, { ...hostsOf(members), ...host(added, ['web', 'database']) });
        await ledger.write([added], counts.workers, 20, addresses);
        // Its removal begins with a switchover: it is to be the primary.
        if ((await lab.status()).database.primary !== gone)
          await lab.expect('switchover', '--to', gone, '--yes');
        members = [kept, added];
        await watch.up(`${gone} is taken out`, hostsOf(members));
        left[gone] = await leftOn(servers, gone);
        assert.equal(left[gone], '', `left on ${gone}`);
        assert.deepEqual(await quorumOf(lab, kept), ['lb-1', ...members].sort());
        await forgotten(lab, gone);
      }
      await ledger.check(members);
      assert.match(await lab.expect('up'), /Nothing changed/);
      const acknowledged = ledger.records.filter(({ outcome }) => outcome === 'acknowledged').length;
      return { refused, steps: watch.steps, acknowledgedWrites: acknowledged, lostWrites: 0, left };
    } finally {
      await ledger?.stop();
      await servers.close();
    }
  },
};
