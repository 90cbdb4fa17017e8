/**
 * Every kind of change, one after the other, on four servers that are used meanwhile: no request fails, no acknowledged write is
 * lost, and how long anybody waits is told.
 */
import assert from 'node:assert/strict';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { routerSocket } from '#src/render/router.ts';
import type { StackFile } from '#src/spec/schema.ts';
import { ports } from '#src/topology/ports.ts';
import { command } from '#test/support/command.ts';
import { queryLocally } from '#test/support/database.ts';
import { type Lab, repository } from '#test/support/lab.ts';
import { Ledger } from '#test/support/ledger/ledger.ts';
import { ledgerNow } from '#test/support/ledger/records.ts';
import { type Servers, startServers } from '#test/support/nspawn/servers.ts';
import { SiteLoad } from '#test/support/site-load.ts';
import { sleep } from '#test/support/wait.ts';
import { type Evidence, type OwnPoint, summary } from './point.ts';

interface Counts {
  readonly rounds: number;
  /** Names of changes; all without it. */
  readonly only?: readonly string[];
}

const clients = 32;
const webs = ['server-1', 'server-2'] as const;
const load = { clients, pauseMs: 400, timeoutMs: 20_000 };
const quietMs = 5_000;

interface Change {
  readonly what: string;
  /** Makes it; resolves to what the command said. `round` makes values that differ from those before. */
  make(servers: Servers, round: number): Promise<string>;
  /** What runs on the hosts, as text that must contain what `shows` gives. */
  look(servers: Servers): Promise<string>;
  shows(round: number): string;
}

/** A change of the stack file, brought by `up`. */
async function edit(lab: Lab, change: (stack: StackFile) => StackFile): Promise<string> {
  await lab.write(change(lab.stack));
  const { code, stdout, stderr } = await lab.run('up');
  assert.equal(code, 0, stdout + stderr);
  return stderr;
}

const on = async (servers: Servers, host: string, script: string): Promise<string> =>
  (await servers.hosts.host(host).console('sh', '-c', script)).stdout;

const onAll = async (servers: Servers, hosts: readonly string[], script: string): Promise<string> => {
  const texts = await Promise.all(hosts.map((host) => on(servers, host, script)));
  return new Set(texts).size === 1 ? (texts[0] ?? '') : `they differ: ${JSON.stringify(texts)}`;
};

const variable = async ({ lab }: Servers, name: string): Promise<string> => {
  const texts = await Promise.all(
    webs.map(async (host) => (await queryLocally(lab, host, `SELECT @@${name}`)).stdout.trim()),
  );
  return `${name} ${texts.join(' ')}`;
};

const haproxy = (command: string) =>
  `echo '${command}' | perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new("/run/tandem/haproxy/admin.sock"); print $s <STDIN>; $s->shutdown(1); print while <$s>'`;
const environmentOf = (unit: string) =>
  `tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value ${unit})/environ`;

/** What a program of this machine says in the networks of several hosts; the same everywhere, or they differ. */
const fromAll = async (
  { hosts }: Servers,
  names: readonly string[],
  script: (host: { name: string; address: string; etc: string }) => string,
): Promise<string> => {
  const texts = await Promise.all(
    names.map(async (name) => {
      const host = hosts.host(name);
      const place = { name, address: host.address, etc: host.inside('/etc/tandem') };
      return (await host.inNetwork('bash', '-c', script(place))).stdout;
    }),
  );
  return new Set(texts).size === 1 ? (texts[0] ?? '') : `they differ: ${JSON.stringify(texts)}`;
};

/** Whether each port shows the certificate that is on the host's disk to whoever connects, and how many do. */
const shownCertificates =
  (...shown: readonly (number | 'mariadb')[]) =>
  ({ address, etc }: { address: string; etc: string }): string => {
    const ask = shown.map((port) => {
      const to = port === 'mariadb' ? `${address}:${ports.mariadb} -starttls mysql` : `${address}:${port}`;
      return `s=$(true | timeout 20 openssl s_client -connect ${to} 2>/dev/null | openssl x509 -noout -serial 2>&1); [ "$s" = "$f" ] && echo ${port} || echo "${port}: $s, not $f"`;
    });
    return `f=$(openssl x509 -noout -serial -in ${etc}/tls/host.pem); ${ask.join('; ')}`;
  };

const settings = (stack: StackFile, more: Record<string, number>): StackFile => ({
  ...stack,
  database: { ...stack.database, settings: { ...stack.database?.settings, ...more } },
});

const changes: readonly Change[] = [
  {
    what: 'weight of a web host',
    make: ({ lab }, round) =>
      edit(lab, (stack) => ({
        ...stack,
        hosts: {
          ...stack.hosts,
          'server-1': { ...stack.hosts['server-1'], weight: 3 + round } as StackFile['hosts'][string],
        },
      })),
    look: (servers) => onAll(servers, ['lb-1', 'lb-2'], haproxy('get weight web/server-1')),
    shows: (round) => `${3 + round} (initial ${3 + round})`,
  },
  {
    what: 'HAProxy setting (maxConnections)',
    make: ({ lab }, round) =>
      edit(lab, (stack) => ({ ...stack, balancer: { ...stack.balancer, maxConnections: 5_000 + round } })),
    look: (servers) => onAll(servers, ['lb-1', 'lb-2'], `${haproxy('show info')} | grep ^Maxconn:`),
    shows: (round) => `Maxconn: ${5_500 + round}`,
  },
  {
    what: 'keepalived setting (advertMs)',
    make: ({ lab }, round) =>
      edit(lab, (stack) => ({ ...stack, balancer: { ...stack.balancer, advertMs: 100 + 10 * round } })),
    look: (servers) =>
      onAll(servers, ['lb-1', 'lb-2'], 'grep advert_int /etc/tandem/keepalived/keepalived.conf'),
    shows: (round) => `advert_int ${((100 + 10 * round) / 1_000).toFixed(2)}`,
  },
  {
    what: 'nginx setting (maxBodyBytes)',
    make: ({ lab }, round) =>
      edit(lab, (stack) => ({ ...stack, web: { ...stack.web, maxBodyBytes: 2_000_000 + round } })),
    look: (servers) => onAll(servers, webs, 'grep client_max_body_size /etc/tandem/nginx/nginx.conf'),
    shows: (round) => `client_max_body_size ${2_000_000 + round}`,
  },
  {
    what: 'MariaDB dynamic setting (innodb_io_capacity)',
    make: ({ lab }, round) => edit(lab, (stack) => settings(stack, { innodb_io_capacity: 300 + round })),
    look: (servers) => variable(servers, 'innodb_io_capacity'),
    shows: (round) => `innodb_io_capacity ${300 + round} ${300 + round}`,
  },
  {
    what: 'MariaDB static setting (back_log)',
    make: ({ lab }, round) => edit(lab, (stack) => settings(stack, { back_log: 120 + round })),
    look: (servers) => variable(servers, 'back_log'),
    shows: (round) => `back_log ${120 + round} ${120 + round}`,
  },
  {
    what: 'application environment',
    make: ({ lab }, round) =>
      edit(lab, (stack) => ({
        ...stack,
        web: { ...stack.web, app: { ...stack.web.app, environment: { CHANGED: `round-${round}` } } },
      })),
    look: (servers) =>
      onAll(
        servers,
        webs,
        `for n in 1 2; do ${environmentOf('tandem-app-$n')} | grep ^CHANGED=; done | tr '\\n' ' '`,
      ),
    shows: (round) => `CHANGED=round-${round} CHANGED=round-${round}`,
  },
  {
    what: 'firewall (connectionBurst)',
    make: ({ lab }, round) =>
      edit(lab, (stack) => ({
        ...stack,
        balancer: {
          ...stack.balancer,
          rateLimit: { ...stack.balancer?.rateLimit, connectionBurst: 900_000 + round },
        },
      })),
    look: (servers) => onAll(servers, ['lb-1', 'lb-2'], 'nft list table inet tandem | grep burst'),
    shows: (round) => `burst ${900_000 + round} packets`,
  },
  {
    what: 'etcd setting (quotaBytes)',
    make: ({ lab }, round) =>
      edit(lab, (stack) => ({ ...stack, quorum: { ...stack.quorum, quotaBytes: 300_000_000 + round } })),
    look: (servers) =>
      fromAll(
        servers,
        ['lb-1', ...webs],
        ({ address, etc }) =>
          `curl -s --cacert ${etc}/etcd/ca.pem --cert ${etc}/etcd/host.pem --key ${etc}/etcd/host.key https://${address}:${ports.etcdClient}/metrics | grep ^etcd_server_quota_backend_bytes`,
      ),
    // Go writes two digits of an exponent.
    shows: (round) =>
      `etcd_server_quota_backend_bytes ${(300_000_000 + round).toExponential().replace('e+', 'e+0')}`,
  },
  {
    what: 'router setting (slowStatementMs)',
    make: ({ lab }, round) =>
      edit(lab, (stack) => ({
        ...stack,
        database: { ...stack.database, router: { slowStatementMs: 900 + round } },
      })),
    look: (servers) => onAll(servers, webs, 'grep slowStatementMs /etc/tandem/router/router.json'),
    shows: (round) => `"slowStatementMs": ${900 + round}`,
  },
  {
    what: "release of Tandem's own code",
    make: upWithNewCode,
    look: (servers) =>
      onAll(
        servers,
        ['lb-1', 'lb-2', ...webs],
        'cat /opt/tandem/code/src/agent/release-of-a-test.ts; systemctl is-active tandem-agent',
      ),
    shows: (round) => `// round ${round}\nactive`,
  },
  {
    what: 'package upgrade (nginx, haproxy)',
    make: async ({ lab, hosts }) => {
      await hosts.publishNewer(['nginx-light', 'nginx', 'nginx-common', 'haproxy']);
      const { code, stdout, stderr } = await lab.run('upgrade', '--yes');
      assert.equal(code, 0, stdout + stderr);
      return stderr;
    },
    look: async (servers) => {
      const stale = (service: string) =>
        `for p in $(systemctl show -p MainPID --value ${service}); do readlink /proc/$p/exe; done; dpkg-query -W -f '\${Version}' ${service.replace('tandem-', '')} | grep -o +test`;
      return [
        await onAll(servers, webs, stale('tandem-nginx')),
        await onAll(servers, ['lb-1', 'lb-2'], stale('tandem-haproxy')),
      ].join();
    },
    shows: () => '/usr/sbin/nginx\n+test\n,/usr/sbin/haproxy\n+test\n',
  },
  {
    what: 'internal certificates rotated',
    make: async ({ lab }) => {
      const { code, stdout, stderr } = await lab.run('up', '--rotate-certificates');
      assert.equal(code, 0, stdout + stderr);
      return stderr;
    },
    look: async (servers) =>
      [
        await fromAll(
          servers,
          ['lb-1'],
          shownCertificates(ports.etcdClient, ports.balancerMetrics, ports.agent),
        ),
        await fromAll(servers, ['lb-2'], shownCertificates(ports.balancerMetrics, ports.agent)),
        await fromAll(servers, webs, shownCertificates(ports.etcdClient, ports.web, ports.agent, 'mariadb')),
      ].join(),
    shows: () =>
      [
        `${ports.etcdClient}\n${ports.balancerMetrics}\n${ports.agent}\n`,
        `${ports.balancerMetrics}\n${ports.agent}\n`,
        `${ports.etcdClient}\n${ports.web}\n${ports.agent}\nmariadb\n`,
      ].join(),
  },
];

/** `up` of another version of Tandem: this repository with a file more. */
async function upWithNewCode({ lab, hosts }: Servers, round: number): Promise<string> {
  const copy = join(hosts.directory, `tandem-${round}`);
  await mkdir(copy);
  for (const name of [
    'src',
    'scripts',
    'dist',
    'package.json',
    'package-lock.json',
    'tandem',
    'tsconfig.json',
  ])
    await cp(join(repository, name), join(copy, name), { recursive: true });
  await symlink(join(repository, 'node_modules'), join(copy, 'node_modules'));
  await writeFile(join(copy, 'src/agent/release-of-a-test.ts'), `// round ${round}\n`);
  const words = ['--disable-warning=ExperimentalWarning', join(copy, 'src/bin/tandem.ts'), 'up'];
  const result = await command(process.execPath, [...words, '--file', lab.file], { cwd: lab.directory });
  assert.equal(result.code, 0, result.stdout + result.stderr);
  return result.stderr;
}

interface Row {
  readonly what: string;
  readonly seconds: number;
  readonly requests: number;
  /** Why the change was not made, or is not what runs. */
  readonly problem: string | null;
  readonly failed: number;
  readonly failures: readonly string[];
  readonly writes: number;
  readonly writesWithoutAnswer: number;
  readonly writesRefused: number;
  /** What clients were told of those. */
  readonly writeErrors: readonly string[];
  readonly httpPauseMs: number;
  readonly slowestRequestMs: number;
  readonly sqlPauseMs: number;
  /** Services that were restarted or reloaded. */
  readonly touched: readonly string[];
}

async function underLoad(
  servers: Servers,
  ledger: Ledger,
  what: string,
  work: () => Promise<string>,
): Promise<Row> {
  const { lab } = servers;
  const site = SiteLoad.start({ ...load, url: await lab.url(), ca: await lab.ca() });
  const from = ledgerNow();
  await sleep(quietMs);
  const startedMs = performance.now();
  let problem: string | null = null;
  const said = await work().catch((error: Error) => {
    problem = error.message;
    return '';
  });
  await sleep(quietMs);
  const seconds = Math.round((performance.now() - startedMs - quietMs) / 100) / 10;
  const report = await site.stop();
  const to = ledgerNow();
  const { autocommit, transaction } = ledger.errors(from, to);
  const writes = ledger.records.filter(({ outcome, doneAt }) => outcome === 'acknowledged' && doneAt >= from);
  const row: Row = {
    what,
    seconds,
    requests: report.requests,
    problem,
    failed: report.failed.length,
    failures: report.failed.slice(0, 5).map((each) => JSON.stringify(each)),
    writes: writes.length,
    writesWithoutAnswer: autocommit.unknown + transaction.unknown,
    writesRefused: autocommit.refused + transaction.refused,
    writeErrors: ledger.records
      .filter(({ outcome, doneAt }) => outcome !== 'acknowledged' && doneAt >= from)
      .map(({ kind, outcome, reason }) => `${kind}, ${outcome}: ${reason}`),
    httpPauseMs: report.longestPauseMs,
    slowestRequestMs: report.slowestMs,
    sqlPauseMs: Math.round(ledger.longestPause(from, to)),
    touched: touchedBy(said),
  };
  assert.ok(report.requests > 100, `the load was no load: ${report.requests} requests`);
  assert.ok(writes.length > 20, `the ledger wrote nothing: ${writes.length} writes`);
  return row;
}

/** `server-1: restart app-1`, from the steps that the command told. */
function touchedBy(said: string): readonly string[] {
  const steps = [...said.matchAll(/^✓ (\S+) +(restart|reload|stop) (\S+)/gm)];
  return steps.map(([, host, action, service]) => `${host}: ${action} ${service}`);
}

async function round(
  servers: Servers,
  ledger: Ledger,
  number: number,
  { only }: Counts,
  log: (line: string) => void,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const take = (row: Row) => {
    rows.push(row);
    log(JSON.stringify(row));
  };
  // What fails with nothing changed is the machine's: then nothing of this can be shown on it.
  take(await underLoad(servers, ledger, 'nothing', () => sleep(10_000).then(() => '')));
  for (const change of changes.filter(({ what }) => only?.some((name) => what.startsWith(name)) ?? true)) {
    const row = await underLoad(servers, ledger, change.what, () => change.make(servers, number));
    const seen = await change.look(servers);
    const isShown = seen.includes(change.shows(number));
    const problem = isShown
      ? row.problem
      : `${row.problem ?? ''} did not take effect: ${JSON.stringify(seen)}, not ${JSON.stringify(change.shows(number))}`;
    take({ ...row, problem });
    await servers.lab.healthy(120_000);
  }
  return rows;
}

function tableOf(rows: readonly Row[]): readonly Evidence[] {
  return [...new Set(rows.map(({ what }) => what))].map((what) => {
    const own = rows.filter((row) => row.what === what);
    const total = (value: (row: Row) => number) => own.reduce((sum, row) => sum + value(row), 0);
    return {
      what,
      runs: own.length,
      requests: total(({ requests }) => requests),
      failed: total(({ failed }) => failed),
      writes: total(({ writes }) => writes),
      writesWithoutAnswer: total(({ writesWithoutAnswer }) => writesWithoutAnswer),
      writesRefused: total(({ writesRefused }) => writesRefused),
      writeErrors: [...new Set(own.flatMap(({ writeErrors }) => writeErrors))].slice(0, 5),
      longestHttpPauseMs: Math.max(...own.map(({ httpPauseMs }) => httpPauseMs)),
      longestSqlPauseMs: Math.max(...own.map(({ sqlPauseMs }) => sqlPauseMs)),
      slowestRequestMs: Math.max(...own.map(({ slowestRequestMs }) => slowestRequestMs)),
      seconds: summary(own.map(({ seconds }) => seconds)),
      touched: own[0]?.touched ?? [],
    };
  });
}

/** On servers that are up. */
export async function matrixOn(
  servers: Servers,
  counts: Counts,
  log: (line: string) => void,
): Promise<Evidence> {
  const { lab, hosts } = servers;
  await lab.healthy(300_000);
  const ledger = await Ledger.create(lab, 'router', {
    enter: () => [],
    routerSocket: async (host) => hosts.host(host).inside(routerSocket),
  });
  try {
    await ledger.write(webs, 2, 40);
    const rows: Row[] = [];
    for (let number = 1; number <= counts.rounds; number += 1)
      rows.push(...(await round(servers, ledger, number, counts, log)));
    // At the end, so that one run tells all of them.
    const problems = rows.filter(({ problem }) => problem !== null);
    assert.equal(problems.length, 0, problems.map(({ what, problem }) => `"${what}": ${problem}`).join('\n'));
    const failures = rows.filter(({ failed }) => failed > 0);
    assert.equal(
      failures.length,
      0,
      `requests failed: ${failures.map(({ what, failed, failures: some }) => `during "${what}" ${failed}, such as ${some.join(', ')}`).join('\n')}`,
    );
    // All members level, and all that was acknowledged on each of them.
    await ledger.check(webs);
    return { clients, pauseMs: load.pauseMs, lostWrites: 0, changes: tableOf(rows) };
  } finally {
    await ledger.stop();
  }
}

export const matrix: OwnPoint<Counts> = {
  kind: 'own',
  id: 'hosts-2',
  title: 'Every kind of change under 32 connections and the SQL ledger: no failed request, no lost write',
  inSuite: false,
  small: { rounds: 1, only: ['weight', 'nginx', 'MariaDB dynamic'] },
  full: { rounds: 1 },
  async run(place, { counts, log }) {
    const servers = await startServers(place);
    try {
      log((await servers.lab.run('up')).stderr);
      return await matrixOn(servers, counts, log);
    } finally {
      await servers.close();
    }
  },
};
