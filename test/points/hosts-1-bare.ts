import assert from 'node:assert/strict';
import { expectCommand } from '#test/support/command.ts';
import { queryLocally } from '#test/support/database.ts';
import type { Lab } from '#test/support/lab.ts';
import { type Servers, startServers } from '#test/support/nspawn/servers.ts';
import { waitFor } from '#test/support/wait.ts';
import { type Evidence, type OwnPoint, summary } from './point.ts';

interface Counts {
  /** Runs of `up` with nothing changed. */
  readonly repeats: number;
  /** Only the full run holds times to their goals: a small one may share the machine with other work. */
  readonly strict: boolean;
}

const unchangedLimitMs = 5_000;

/** What systemd on the host says of Tandem's units. */
async function unitsOf({ hosts }: Servers, host: string): Promise<readonly string[]> {
  const list = ['list-units', '--all', '--plain', '--no-legend', 'tandem-*'];
  const { stdout } = await hosts.host(host).console('systemctl', ...list);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim().split(/\s+/).slice(0, 4).join(' '));
}

/** Who runs a unit and its start, to tell whether it was touched. */
async function processesOf(servers: Servers): Promise<string> {
  const states = servers.hosts.hosts.map(async (host) => {
    const properties = '--property=Id,MainPID,InvocationID,ActiveEnterTimestampMonotonic';
    return (await host.console('systemctl', 'show', properties, 'tandem-*')).stdout;
  });
  return (await Promise.all(states)).join('\n');
}

async function unchanged(servers: Servers): Promise<number> {
  const before = await processesOf(servers);
  const startedMs = performance.now();
  const output = await servers.lab.expect('up');
  const tookMs = performance.now() - startedMs;
  assert.match(output, /Nothing changed/);
  assert.equal(await processesOf(servers), before, 'up with nothing changed touched units');
  return tookMs;
}

/** A browser's and an application's view, and what is on the replica. */
async function useIt(lab: Lab): Promise<Evidence> {
  const status = await lab.statusByCommand();
  assert.equal(status.healthy, true, status.problems.join('; '));
  const page = await expectCommand('curl', ['-sSf', '--cacert', status.site.caFile, status.site.url]);
  assert.match(page, /<!doctype html>/i);
  const email = `bare-${Date.now()}@example.org`;
  const added = await lab.fetch('/api/users', { method: 'POST', body: { name: 'Bare', email } });
  assert.equal(added.status, 201, added.body);
  const replica = status.database.members.find(({ role }) => role === 'replica')?.host ?? '';
  const sql = `SELECT COUNT(*) FROM users.users WHERE email = '${email}'`;
  await waitFor(
    `the user on ${replica}`,
    async () => (await queryLocally(lab, replica, sql)).stdout.trim() === '1',
    10_000,
  );
  return { site: status.site.url, primary: status.database.primary, replica };
}

/** Every operator's command, against servers. */
async function operate(lab: Lab): Promise<Evidence> {
  const seen: Record<string, string> = {};
  const run = async (...words: string[]) => {
    const output = await lab.expect(...words);
    seen[words.join(' ')] = output.trim().split('\n').slice(-2).join(' | ').slice(0, 200);
    return output;
  };
  assert.match(await run('status'), /healthy/);
  assert.match(await run('exec', 'server-1', '--', 'hostname'), /^server-1\s*$/);
  assert.match(await run('sql', '-e', 'SELECT 40 + 2'), /42/);
  assert.match(await run('sql', 'explain', 'SELECT * FROM users'), /replica/i);
  assert.match(await run('logs', 'lb-1', 'haproxy'), /lb-1 haproxy \| /);
  const { stdout } = await lab.exec('lb-1', 'journalctl', '-u', 'tandem-haproxy', '-o', 'cat', '-n', '1');
  assert.ok((await lab.expect('logs', 'lb-1', 'haproxy')).includes(stdout.trim()), 'logs and journal differ');
  await run('firewall', 'block', '203.0.113.9', '--for', '1h');
  assert.match(await run('firewall', 'list'), /203\.0\.113\.9/);
  assert.match((await lab.exec('server-2', 'nft', 'list', 'ruleset')).stdout, /203\.0\.113\.9/);
  await run('firewall', 'unblock', '203.0.113.9');
  const before = (await lab.status()).database.primary;
  await run('switchover', '--yes');
  const after = (await lab.healthy()).database.primary;
  assert.notEqual(after, before, 'switchover');
  assert.match(await run('plan'), /Nothing to do/);
  return seen;
}

/** Nothing of Tandem is left, and what was there before is as it was. */
async function takeDown(servers: Servers, before: ReadonlyMap<string, string>): Promise<Evidence> {
  await servers.lab.expect('down', '--purge', '--yes');
  for (const host of servers.hosts.hosts) {
    assert.equal(
      await inventory(servers, host.name),
      before.get(host.name),
      `${host.name} after down --purge`,
    );
    const left = await host.console('sh', '-c', 'ls -d /etc/tandem /opt/tandem /var/lib/tandem /run/tandem');
    assert.equal(left.stdout, '', `left on ${host.name}`);
    assert.equal((await host.console('nft', 'list', 'tables')).stdout ?? '', '');
  }
  return { left: 'nothing' };
}

/** Packages, enabled units and processes: what a host is made of. */
async function inventory({ hosts }: Servers, host: string): Promise<string> {
  const list = `dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\\n' | grep '^ii'
    systemctl list-unit-files --state=enabled,masked --no-legend --plain | awk '{print $1, $2}'
    apt-mark showhold`;
  return (await hosts.host(host).console('sh', '-c', list)).stdout;
}

export const bareServers: OwnPoint<Counts> = {
  kind: 'own',
  id: 'hosts-1',
  title: 'Four bare Debian servers: one up, a healthy site over HTTPS; a second up changes nothing',
  inSuite: false,
  small: { repeats: 1, strict: false },
  full: { repeats: 10, strict: true },
  async run(place, { counts, log }) {
    const servers = await startServers(place);
    try {
      const { lab, hosts } = servers;
      const names = hosts.hosts.map(({ name }) => name);
      const before = new Map<string, string>();
      for (const name of names) before.set(name, await inventory(servers, name));
      const startedMs = performance.now();
      const up = await lab.run('up');
      assert.equal(up.code, 0, up.stdout + up.stderr);
      const upSeconds = Math.round((performance.now() - startedMs) / 100) / 10;
      log(`up: ${upSeconds} s\n${up.stderr}`);
      const shipped = /shipped (\S+ MB) to/.exec(up.stderr)?.[1];
      const used = await useIt(lab);
      for (const name of names)
        for (const unit of await unitsOf(servers, name))
          assert.match(unit, /loaded active/, `${name}: ${unit}`);
      const unchangedMs: number[] = [];
      for (let repeat = 0; repeat < counts.repeats; repeat += 1) unchangedMs.push(await unchanged(servers));
      log(`up with nothing changed: ${JSON.stringify(summary(unchangedMs))} ms`);
      const slowest = Math.max(...unchangedMs);
      assert.ok(!counts.strict || slowest <= unchangedLimitMs, `up took ${slowest} ms`);
      const commands = await operate(lab);
      const verified = await verifyUnits(servers);
      const down = await takeDown(servers, before);
      return {
        upSeconds,
        shippedOverSsh: shipped,
        packagesFromMirrorMB: Math.round(hosts.mirror.bytes() / 1e5) / 10,
        unchangedMs: summary(unchangedMs),
        ...used,
        commands,
        verified,
        down,
      };
    } finally {
      await servers.close();
    }
  },
};

/** systemd's own opinion of the units, and how exposed it thinks that they are. */
async function verifyUnits({ hosts }: Servers): Promise<Evidence> {
  const exposure: Record<string, string> = {};
  for (const { name } of hosts.hosts) {
    const host = hosts.host(name);
    const verify = await host.console(
      'sh',
      '-c',
      'systemd-analyze verify /etc/systemd/system/tandem-*.service',
    );
    assert.equal(
      `${verify.code} ${verify.stdout}${verify.stderr}`,
      '0 ',
      `systemd-analyze verify on ${name}`,
    );
    const ask =
      'cd /etc/systemd/system && for u in tandem-*; do systemd-analyze security --no-pager "$u"; done';
    const security = await host.console('sh', '-c', ask);
    for (const [, unit = '', score = ''] of security.stdout.matchAll(/level for (\S+): ([\d.]+)/g))
      exposure[unit] = score;
  }
  return { exposure };
}
