import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NspawnHost } from '#test/support/nspawn/host.ts';
import { type Servers, startServers } from '#test/support/nspawn/servers.ts';
import { addressInNetwork } from '#test/support/subnet.ts';
import type { OwnPoint } from './point.ts';

type Counts = Readonly<Record<never, never>>;

interface Trouble {
  readonly what: string;
  /** Makes it so; resolves to what mends it. */
  make(servers: Servers, host: NspawnHost): Promise<() => Promise<unknown>>;
  readonly said: RegExp;
}

/** A program of the host, replaced by a script for as long as the trouble lasts; /usr/local comes first on every path. */
async function fakeProgram(host: NspawnHost, name: string, script: string): Promise<() => Promise<unknown>> {
  const path = join(host.root, 'usr/local/bin', name);
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return () => host.console('rm', `/usr/local/bin/${name}`);
}

/** A line of the ssh configuration before all others, and so before what it says of this host in general. */
async function sshOption(
  servers: Servers,
  host: NspawnHost,
  option: string,
): Promise<() => Promise<unknown>> {
  const path = servers.hosts.sshConfig;
  const before = await readFile(path, 'utf8');
  await writeFile(path, `Host ${host.name}\n  ${option}\n${before}`);
  return () => writeFile(path, before);
}

async function edit(
  host: NspawnHost,
  path: string,
  change: (text: string) => string,
): Promise<() => Promise<unknown>> {
  const before = await readFile(join(host.root, path), 'utf8');
  await writeFile(join(host.root, path), change(before));
  return () => writeFile(join(host.root, path), before);
}

const troubles: readonly Trouble[] = [
  {
    what: 'unreachable',
    make: async (_servers, host) => {
      await host.powerOff();
      return () => host.powerOn();
    },
    said: /cannot be reached over SSH: .*(timed out|no route|unreachable)/i,
  },
  {
    what: 'wrong key',
    make: async (_servers, host) => {
      await host.console('mv', '/root/.ssh/authorized_keys', '/root/.ssh/off');
      return () => host.console('mv', '/root/.ssh/off', '/root/.ssh/authorized_keys');
    },
    said: /Permission denied[\s\S]*ssh-copy-id/,
  },
  {
    what: 'changed host key',
    make: async (servers, host) => {
      const before = await readFile(servers.hosts.knownHosts, 'utf8');
      const lines = before.split('\n');
      const own = lines.findIndex((line) => line.startsWith(`${host.address} `));
      const other = lines.find((line) => line !== '' && !line.startsWith(`${host.address} `)) ?? '';
      lines[own] = `${host.address} ${other.slice(other.indexOf(' ') + 1)}`;
      await writeFile(servers.hosts.knownHosts, lines.join('\n'));
      return () => writeFile(servers.hosts.knownHosts, before);
    },
    said: /Host key verification failed/,
  },
  {
    what: 'not Debian 12',
    make: (_servers, host) =>
      edit(host, 'usr/lib/os-release', (text) =>
        text.replace('ID=debian', 'ID=fedora').replace('"12"', '"40"'),
      ),
    said: /'fedora 40', not Debian 12/,
  },
  {
    what: 'no systemd',
    make: async (_servers, host) => {
      // What stands for a container whose first process is a shell: the script asks for its name.
      const undo = await fakeProgram(
        host,
        'cat',
        'case "$1" in /proc/1/comm) echo tini ;; *) exec /usr/bin/cat "$@" ;; esac',
      );
      return undo;
    },
    said: /not started by systemd \(process 1 is 'tini'\)/,
  },
  {
    what: 'clock off by minutes',
    make: (_servers, host) => fakeProgram(host, 'date', 'exec /usr/bin/date -d "+7 minutes" "$@"'),
    said: /its clock is 7 min ahead/,
  },
  {
    what: 'port taken by another service',
    make: async (_servers, host) => {
      const script =
        'use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 8440, Listen => 1) or die; sleep 9999';
      await host.console('systemd-run', '--unit=legacy', 'perl', '-e', script);
      return () => host.console('systemctl', 'stop', 'legacy');
    },
    said: /port 8440 is taken by perl \(legacy\.service\)/,
  },
  {
    what: "another stack's server",
    make: async (_servers, host) => {
      await host.console('mkdir', '-p', '/var/lib/tandem/host');
      await writeFile(join(host.root, 'var/lib/tandem/host/stack.json'), '{"stack":"shop","stackId":"1234"}');
      return () => host.console('rm', '-rf', '/var/lib/tandem');
    },
    said: /a server of the stack 'shop'/,
  },
  {
    what: 'too little disk',
    make: async (_servers, host) => {
      await host.console('mount', '-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', '/opt');
      return () => host.console('umount', '/opt');
    },
    said: /only 64 MiB free in \/opt/,
  },
  {
    what: 'sudo that asks for a password',
    make: (servers, host) => sshOption(servers, host, 'User nobody-special'),
    said: /can not become root without a question \(sudo: a password is required/,
  },
  {
    what: 'an address that the server does not have',
    make: async ({ lab, hosts }, host) => {
      const before = lab.stack;
      const address = addressInNetwork(hosts.request.subnet, 200);
      const changed = { ...(before.hosts[host.name] ?? { roles: ['web' as const] }), address };
      await lab.write({ ...before, hosts: { ...before.hosts, [host.name]: changed } });
      return () => lab.write(before);
    },
    said: /has no address [\d.]+\.200/,
  },
];

/** Everything of the host's disk that could have been changed. */
async function disk(host: NspawnHost): Promise<string> {
  const { stdout } = await host.console(
    'sh',
    '-c',
    'ls -la /etc /opt /var/lib /usr/sbin /etc/systemd/system | sha256sum',
  );
  return stdout;
}

export const badServers: OwnPoint<Counts> = {
  kind: 'own',
  id: 'hosts-bad-input',
  title:
    'Servers that are not ready: found before anything is changed, all problems at once, each with what to do',
  inSuite: false,
  small: {},
  full: {},
  async run(place, { log }) {
    const servers = await startServers(place);
    const { lab, hosts } = servers;
    try {
      const seen: Record<string, string> = {};
      const [first, second] = hosts.hosts as [NspawnHost, NspawnHost];
      for (const { what, make, said } of troubles) {
        const undo = await make(servers, first);
        const before = await disk(second);
        const result = await lab.run('up');
        await undo();
        const text = result.stdout + result.stderr;
        assert.equal(result.code, 2, text);
        assert.match(text, said);
        assert.match(text, /Nothing was changed/);
        assert.doesNotMatch(text, /\n\s+at .*\.ts:\d+/);
        assert.equal(await disk(second), before, `${what}: something was changed on ${second.name}`);
        seen[what] =
          text
            .split('\n')
            .find((line) => said.test(line) || line.includes(first.name))
            ?.trim() ?? '';
        log(`${what}: ${seen[what]}`);
      }
      seen['all at once'] = await allAtOnce(servers);
      return seen;
    } finally {
      await servers.close();
    }
  },
};

/** Several servers, several problems each: one run of the command tells all of them. */
async function allAtOnce(servers: Servers): Promise<string> {
  const { lab, hosts } = servers;
  const of = (what: string) => troubles.find((trouble) => trouble.what === what) as Trouble;
  const wanted = [
    of('wrong key'),
    of('clock off by minutes'),
    of('too little disk'),
    of('port taken by another service'),
  ];
  for (const [index, trouble] of wanted.entries())
    await trouble.make(servers, hosts.hosts[index] as NspawnHost);
  await of('too little disk').make(servers, hosts.hosts[1] as NspawnHost);
  await servers.disconnect();
  const result = await lab.run('up');
  const text = result.stdout + result.stderr;
  assert.equal(result.code, 2, text);
  for (const { said } of wanted) assert.match(text, said);
  const named = hosts.hosts.filter(({ name }) => new RegExp(`^  ${name}:`, 'm').test(text));
  assert.equal(named.length, hosts.hosts.length, text);
  return `${wanted.length + 1} problems of ${hosts.hosts.length} servers in one answer`;
}
