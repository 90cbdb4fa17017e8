/** Hosts of real labs: what is inside, isolation, faults, interruption, and what is left after they are gone. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { bridgeName, cableName, linkPrefix, tableName } from '#src/provision/lab/names.ts';
import { readRecord } from '#src/provision/lab/registry.ts';
import { takeDown } from '#src/provision/lab/teardown.ts';
import type { RenderedFile } from '#src/render/service.ts';
import { command, expectCommand } from '#test/support/command.ts';
import { LabHostFaults } from '#test/support/lab-host-faults.ts';
import { links, namespaceOf, namespaces } from '#test/support/namespaces.ts';
import { networkIdentity, processes, processOf } from '#test/support/processes.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import { openLab, service, sleeper, type TestLab, testLab } from './fixture.ts';

const open: TestLab[] = [];

async function lab(stack: string, number: number, hosts: number): Promise<TestLab> {
  const made = await testLab(stack, number, hosts);
  open.push(made);
  return made;
}

async function prepared(stack: string, number: number, hosts: number): Promise<TestLab> {
  const made = await lab(stack, number, hosts);
  await Promise.all(made.lab.hosts.map((host) => host.prepare()));
  return made;
}

afterEach(async () => {
  for (const made of open.splice(0)) await made.close();
});

/** Everything of a lab that is on the machine, in words; empty when it is gone without a trace. */
async function traces(stack: string, networks: readonly string[] = []): Promise<readonly string[]> {
  const tables = await expectCommand('nft', ['list', 'tables']);
  const own = (await links()).filter(({ ifname }) => ifname.startsWith(linkPrefix(stack)));
  const inside = processes().filter(({ network }) => networks.includes(network));
  const record = await readRecord(stack);
  return [
    ...(await namespaces()).filter((name) => name.startsWith(`tandem-${stack}-`)),
    ...own.map(({ ifname }) => ifname),
    ...(tables.includes(tableName(stack)) ? [tableName(stack)] : []),
    ...inside.map(({ arguments: words }) => words.join(' ')),
    ...(record === undefined ? [] : ['record']),
    ...readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(`tandem-${stack}-`)),
  ];
}

function reaches(from: TestLab, host: string, address: string): Promise<boolean> {
  const ping = ['ping', '-c', '1', '-W', '0.4', address];
  return from.lab
    .host(host)
    .run(ping)
    .then(({ code }) => code === 0);
}

function file(path: string, content: string, more: Partial<RenderedFile> = {}): RenderedFile {
  return { path, content, mode: 0o640, owner: 'root', onChange: 'restart', ...more };
}

describe('a host', { timeout: 30_000 }, () => {
  it('has its own name, address, directories and hosts file, and Tandem itself', async () => {
    const { lab: own, stateDirectory } = await prepared('lt-in', 21, 2);
    const host = own.host('h-1');
    const words =
      'hostname; ls /sys/class/net; cat /etc/hosts; echo made >/var/lib/tandem/made; head -1 /opt/tandem/code/scripts/node.sh';
    const { stdout } = await host.run(['/bin/sh', '-c', words]);
    const lines = stdout.trim().split('\n');
    expect(lines.slice(0, 3)).toEqual(['h-1', 'eth0', 'lo']);
    expect(lines).toContain('10.200.21.12 h-2');
    expect(lines.at(-1)).toBe('#!/bin/sh');
    expect(readFileSync(join(stateDirectory, 'hosts/h-1/data/made'), 'utf8')).toBe('made\n');
    expect((await host.run(['touch', '/opt/tandem/code/x'])).code).toBe(1);
    const { family, local } =
      (await links(namespaceOf('lt-in', 'h-1'))).find(({ ifname }) => ifname === 'eth0')?.addr_info[0] ?? {};
    expect([family, local]).toEqual(['inet', '10.200.21.11']);
    expect((await expectCommand('hostname', [])).trim()).not.toBe('h-1');
  });

  it('runs commands with input, exit code and time limit, with or without a supervisor', async () => {
    const { lab: own } = await prepared('lt-run', 22, 1);
    const host = own.host('h-1');
    expect(await host.run(['/bin/sh', '-c', 'cat; echo err >&2; exit 7'], { input: 'text' })).toEqual({
      code: 7,
      stdout: 'text',
      stderr: 'err\n',
    });
    const from = performance.now();
    expect((await host.run(['sleep', '60'], { timeoutMs: 300 })).code).toBe(124);
    expect(performance.now() - from).toBeLessThan(2_000);
    expect((await host.run(['/no/such/program'])).code).not.toBe(0);
    const faults = new LabHostFaults(own);
    const { pid, keeperPid } = await host.supervisor.health();
    process.kill(pid, 'SIGSTOP');
    process.kill(keeperPid ?? 0, 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    await waitFor('the host to be without processes', () => processOf(pid) === undefined, 1_000);
    expect((await host.run(['hostname'])).stdout).toBe('h-1\n');
    await faults.powerOff('h-1');
    await expect(host.entry(['true'])).rejects.toMatchObject({ code: 'host-down' });
  });

  it('enters quickly', async () => {
    const { lab: own } = await prepared('lt-fast', 23, 1);
    const host = own.host('h-1');
    const times: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const from = performance.now();
      await host.run(['true']);
      times.push(performance.now() - from);
    }
    expect(times.sort((left, right) => left - right)[4]).toBeLessThan(30);
  });

  it('gets files with owner and mode, shows them by fingerprint, and loses them without a trace', async () => {
    const { lab: own } = await prepared('lt-file', 24, 1);
    const host = own.host('h-1');
    const files = [
      file('/etc/tandem/a/b/one', '1', { owner: 'www-data' }),
      file('/etc/tandem/two', '2', { mode: 0o600 }),
    ];
    await host.writeFiles(files, []);
    const { files: seen } = await host.observe();
    expect(Object.keys(seen).sort()).toEqual(['/etc/tandem/a/b/one', '/etc/tandem/two']);
    expect((await host.run(['stat', '-c', '%U %G %a', '/etc/tandem/a/b/one'])).stdout).toBe(
      'www-data www-data 640\n',
    );
    await host.writeFiles([file('/etc/tandem/two', '2', { mode: 0o644 })], ['/etc/tandem/a/b/one']);
    const { files: after } = await host.observe();
    expect(Object.keys(after)).toEqual(['/etc/tandem/two']);
    expect(after['/etc/tandem/two']).not.toBe(seen['/etc/tandem/two']);
    expect(existsSync(join(host.directories.config, 'a'))).toBe(false);
    await expect(host.writeFiles([file('/etc/passwd', 'x')], [])).rejects.toThrow('not below /etc/tandem');
  });

  it('lets programs check their new files in place, and keeps the old ones when they refuse', async () => {
    const { lab: own } = await prepared('lt-check', 25, 1);
    const host = own.host('h-1');
    await host.writeFiles([file('/etc/tandem/good', 'old')], []);
    const check = (content: string) =>
      sleeper('checked', {
        files: [file('/etc/tandem/good', content)],
        validate: ['/bin/sh', '-c', 'echo "seen: $(cat /etc/tandem/good)"; grep -q fine /etc/tandem/good'],
        directories: [{ path: '/run/tandem/for-check', mode: 0o755, owner: 'root' }],
      });
    await host.validate([check('fine')]);
    const refused = await host.validate([check('wrong')]).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'configuration-refused',
      issues: [{ path: 'h-1/checked', message: 'seen: wrong' }],
    });
    expect((await host.run(['cat', '/etc/tandem/good'])).stdout).toBe('old');
    expect(existsSync(host.directories.stage)).toBe(false);
  });
});

describe('labs side by side', { timeout: 30_000 }, () => {
  it('do not see each other, nor is anything forwarded to them', async () => {
    const forwarding = readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim();
    const [left, right] = [await prepared('lt-left', 31, 2), await prepared('lt-right', 32, 1)];
    try {
      // The machine may forward for reasons of its own; and a host may have a route that it should not have.
      writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
      for (const [each, gateway] of [
        [left, '10.200.31.1'],
        [right, '10.200.32.1'],
      ] as const) {
        await each.lab.host('h-1').run(['ip', 'route', 'add', 'default', 'via', gateway]);
      }
      expect(await reaches(left, 'h-1', '10.200.31.12')).toBe(true);
      expect(await reaches(left, 'h-1', '10.200.31.1')).toBe(true);
      for (const address of ['10.200.32.11', '10.200.32.1'])
        expect(await reaches(left, 'h-1', address)).toBe(false);
      expect(await reaches(right, 'h-1', '10.200.31.11')).toBe(false);
    } finally {
      writeFileSync('/proc/sys/net/ipv4/ip_forward', forwarding);
    }
    await left.close();
    expect(await traces('lt-left')).toEqual([]);
    expect((await right.lab.host('h-1').observe()).exists).toBe(true);
    expect((await right.lab.host('h-1').run(['ls', '/etc/tandem'])).code).toBe(0);
  });

  it('are refused one name, one subnet, and a subnet that the machine has', async () => {
    await prepared('lt-one', 33, 1);
    const sameName = await lab('lt-one', 34, 1);
    await expect(sameName.lab.ensureNetwork()).rejects.toMatchObject({ code: 'lab-name-taken' });
    open.splice(open.indexOf(sameName), 1);
    await rm(sameName.stateDirectory, { recursive: true, force: true });
    const sameSubnet = await lab('lt-two', 33, 1);
    await expect(sameSubnet.lab.ensureNetwork()).rejects.toMatchObject({ code: 'subnet-taken' });
    expect(await traces('lt-two')).toEqual([]);
    await expectCommand('ip', ['link', 'add', 'ltdummy', 'type', 'bridge']);
    try {
      await expectCommand('ip', ['address', 'add', '10.200.35.200/25', 'dev', 'ltdummy']);
      await expectCommand('ip', ['link', 'set', 'ltdummy', 'up']);
      const machine = await lab('lt-three', 35, 1);
      await expect(machine.lab.ensureNetwork()).rejects.toMatchObject({
        code: 'subnet-taken',
        message: expect.stringContaining('ltdummy'),
      });
      expect(await traces('lt-three')).toEqual([]);
    } finally {
      await expectCommand('ip', ['link', 'delete', 'ltdummy']);
    }
  });
});

describe('egress', { timeout: 30_000 }, () => {
  it('lets hosts out through the machine, nobody in, and leaves forwarding as it was', async () => {
    const forwarding = () => readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim();
    const before = forwarding();
    const stateDirectory = await mkdtemp(join(tmpdir(), 'tandem-lt-out-'));
    const own = openLab('lt-out', 36, 1, stateDirectory, 'allow');
    // A world beyond the machine: a namespace of its own on another network, that knows no way back into the lab.
    const world = ['-n', 'lt-world'];
    await expectCommand('ip', ['netns', 'add', 'lt-world']);
    try {
      await expectCommand('ip', [
        'link',
        'add',
        'ltworld',
        'type',
        'veth',
        'peer',
        'name',
        'eth0',
        'netns',
        'lt-world',
      ]);
      await expectCommand('ip', ['address', 'add', '10.200.37.1/24', 'dev', 'ltworld']);
      await expectCommand('ip', ['link', 'set', 'ltworld', 'up']);
      await expectCommand('ip', [...world, 'address', 'add', '10.200.37.2/24', 'dev', 'eth0']);
      await expectCommand('ip', [...world, 'link', 'set', 'eth0', 'up']);
      await own.ensureNetwork();
      await own.host('h-1').prepare();
      const ping = (address: string) => ['ping', '-c', '1', '-W', '0.4', address];
      await waitFor(
        'a way out',
        async () => (await own.host('h-1').run(ping('10.200.37.2'))).code === 0,
        3_000,
      );
      await expectCommand('ip', [...world, 'route', 'add', '10.200.36.0/24', 'via', '10.200.37.1']);
      const inward = await command('ip', ['netns', 'exec', 'lt-world', ...ping('10.200.36.11')]);
      expect(inward.code).not.toBe(0);
    } finally {
      await takeDown('lt-out', stateDirectory);
      await rm(stateDirectory, { recursive: true, force: true });
      await expectCommand('ip', ['netns', 'delete', 'lt-world']);
    }
    expect(forwarding()).toBe(before);
    expect(await traces('lt-out')).toEqual([]);
  });
});

describe('faults', { timeout: 30_000 }, () => {
  it('pull a cable, drop packets one way, and are taken back', async () => {
    const own = await prepared('lt-net', 41, 3);
    const faults = new LabHostFaults(own.lab);
    const [one, two] = ['10.200.41.11', '10.200.41.12'];
    await faults.setCable('h-2', 'down');
    expect(await reaches(own, 'h-1', two)).toBe(false);
    await faults.setCable('h-2', 'up');
    await waitFor('the cable', () => reaches(own, 'h-1', two), 3_000);
    await faults.dropPackets([{ from: 'h-1', to: 'h-2' }]);
    expect(await reaches(own, 'h-1', two)).toBe(false);
    expect(await reaches(own, 'h-1', '10.200.41.13')).toBe(true);
    // One way: h-2's question arrives at h-1, whose answer does not come back.
    const before = await inEchos(own);
    expect(await reaches(own, 'h-2', one)).toBe(false);
    expect(await inEchos(own)).toBe(before + 1);
    await faults.healPackets();
    expect(await reaches(own, 'h-1', two)).toBe(true);
    await faults.dropPackets([{ to: 'h-1' }]);
    expect((await command('ping', ['-c', '1', '-W', '0.4', one])).code).not.toBe(0);
  });

  it('switch a host off and on: nothing of it answers meanwhile, and its services start by themselves', async () => {
    const own = await prepared('lt-power', 42, 2);
    const host = own.lab.host('h-2');
    await host.define([sleeper('daemon'), sleeper('by-agent', { startedBy: 'agent' })]);
    await host.control('daemon', 'start');
    await host.control('by-agent', 'start');
    await host.run(['ip', 'address', 'add', '10.200.42.100/24', 'dev', 'eth0']);
    writeFileSync(join(host.directories.data, 'disk'), 'kept');
    const network = networkIdentity(namespaceOf('lt-power', 'h-2'));
    await new LabHostFaults(own.lab).powerOff('h-2');
    expect(processes().filter((each) => each.network === network)).toEqual([]);
    expect(await reaches(own, 'h-1', '10.200.42.12')).toBe(false);
    await sleep(500);
    expect((await host.observe()).exists).toBe(false);
    await new LabHostFaults(own.lab).powerOn('h-2');
    await waitFor(
      'the daemon',
      async () => (await host.services()).find(({ name }) => name === 'daemon')?.state === 'running',
      5_000,
    );
    expect((await host.services()).find(({ name }) => name === 'by-agent')?.state).toBe('stopped');
    expect(await reaches(own, 'h-1', '10.200.42.12')).toBe(true);
    expect(await reaches(own, 'h-1', '10.200.42.100')).toBe(false);
    expect(readFileSync(join(host.directories.data, 'disk'), 'utf8')).toBe('kept');
  });

  it('kill -9 of every process in turn, the supervisor and its keeper too: each is back within a second', async () => {
    const own = await prepared('lt-each', 43, 1);
    const host = own.lab.host('h-1');
    const names = ['a', 'b', 'c'];
    await host.define(names.map((name) => sleeper(name)));
    for (const name of names) await host.control(name, 'start');
    const network = networkIdentity(namespaceOf('lt-each', 'h-1'));
    const all = () => processes().filter((each) => each.network === network);
    const kinds = () =>
      all()
        .map(({ arguments: [program = '', ...words] }) => `${program.split('/').at(-1)} ${words.length}`)
        .sort();
    const wanted = kinds();
    expect(wanted.length).toBe(5);
    for (const victim of all()) {
      process.kill(victim.pid, 'SIGKILL');
      const from = performance.now();
      await waitFor(
        'all to be back',
        async () => {
          const health = await host.supervisor.healthIfThere();
          const running =
            health?.keeperPid != null && (await host.services()).every(({ state }) => state === 'running');
          return (
            running &&
            processOf(victim.pid) === undefined &&
            JSON.stringify(kinds()) === JSON.stringify(wanted)
          );
        },
        3_000,
        20,
      );
      expect(performance.now() - from, victim.arguments.join(' ')).toBeLessThan(1_000);
    }
  });
});

/** ICMP echo requests that h-1 has received, by its kernel's own count. */
async function inEchos(own: TestLab): Promise<number> {
  const { stdout } = await own.lab.host('h-1').run(['cat', '/proc/net/snmp']);
  const [names = '', values = ''] = stdout.split('\n').filter((line) => line.startsWith('Icmp:'));
  return Number(values.split(' ')[names.split(' ').indexOf('InEchos')]);
}

describe('taking a lab down', { timeout: 30_000 }, () => {
  async function busy(stack: string, number: number): Promise<{ own: TestLab; networks: readonly string[] }> {
    const own = await prepared(stack, number, 4);
    // One that ends when asked, one that does not, one that left its session.
    const services = [
      sleeper('calm'),
      service('deaf', ['/bin/sh', '-c', 'trap "" TERM; while :; do sleep 1; done'], {
        stop: { signal: 'SIGTERM', timeoutMs: 60_000 },
      }),
      service('runaway', ['/bin/sh', '-c', 'env -i setsid sleep 3600 & exec sleep 3600']),
    ];
    await Promise.all(
      own.lab.hosts.map(async (host) => {
        await host.define(services);
        for (const { name } of services) await host.control(name, 'start');
      }),
    );
    return { own, networks: own.lab.hosts.map(({ host }) => networkIdentity(namespaceOf(stack, host))) };
  }

  it('takes 5 seconds at most and leaves nothing but data', async () => {
    const { own, networks } = await busy('lt-down', 51);
    const from = performance.now();
    await takeDown('lt-down', own.stateDirectory);
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(await traces('lt-down', networks)).toEqual([]);
    expect(readdirSync(join(own.stateDirectory, 'hosts/h-1')).sort()).toContain('data');
    for (const path of ['/etc/tandem', '/var/log/tandem']) {
      if (existsSync(path)) expect(otherLabs(), path).toBe(true);
    }
  });

  it('works without its state files, and with supervisors that are dead or frozen', async () => {
    const { own, networks } = await busy('lt-wreck', 52);
    const [first, second] = own.lab.hosts;
    const { pid, keeperPid } = (await first?.supervisor.health()) ?? { pid: 0, keeperPid: 0 };
    process.kill(pid, 'SIGSTOP');
    process.kill(keeperPid ?? 0, 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    process.kill((await second?.supervisor.health())?.pid ?? 0, 'SIGSTOP');
    await rm(own.stateDirectory, { recursive: true, force: true });
    await rm('/run/tandem-labs/lt-wreck.json');
    const from = performance.now();
    await takeDown('lt-wreck', own.stateDirectory);
    expect(performance.now() - from).toBeLessThan(5_000);
    expect(await traces('lt-wreck', networks)).toEqual([]);
  });

  it('leaves a lab whose name begins like its own alone', async () => {
    const longer = await prepared('lt-a-b', 53, 1);
    await takeDown('lt-a', join(tmpdir(), 'tandem-lt-a-none'));
    expect((await longer.lab.host('h-1').observe()).exists).toBe(true);
  });

  it('of nothing is no error', async () => {
    await takeDown('lt-none', join(tmpdir(), 'tandem-lt-none'));
    expect(await traces('lt-none')).toEqual([]);
  });
});

function otherLabs(): boolean {
  return existsSync('/run/tandem-labs') && readdirSync('/run/tandem-labs').length > 0;
}

describe('an interrupted start', { timeout: 60_000 }, () => {
  it('that was killed at any point is completed by the next one', async () => {
    const stack = 'lt-cut';
    for (const afterMs of [80, 180, 280, 400, 550]) {
      const own = await lab(stack, 61, 2);
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, 'start-lab.ts'), stack, '61', '2', own.stateDirectory],
        {
          stdio: 'ignore',
          detached: true,
        },
      );
      const ended = new Promise((done) => child.once('exit', done));
      await sleep(afterMs);
      child.kill('SIGKILL');
      await ended;
      const again = openLab(stack, 61, 2, own.stateDirectory);
      await Promise.all(again.hosts.map((host) => host.prepare()));
      for (const host of again.hosts) {
        await host.define([sleeper('one'), sleeper('two')]);
        for (const name of ['one', 'two']) await host.control(name, 'start');
        expect((await host.services()).map(({ name, state }) => `${name} ${state}`)).toEqual([
          'one running',
          'two running',
        ]);
      }
      expect(await reaches({ ...own, lab: again }, 'h-1', '10.200.61.12')).toBe(true);
      const network = networkIdentity(namespaceOf(stack, 'h-1'));
      const inside = () =>
        processes()
          .filter((each) => each.network === network)
          .map(({ arguments: words }) => words[0]?.split('/').at(-1))
          .sort();
      await waitFor(
        `one supervisor, one keeper after ${afterMs} ms`,
        () => inside().join() === 'flock,node,sleep,sleep',
        2_000,
      );
      await own.close();
      open.splice(open.indexOf(own), 1);
    }
  });

  it('adopts and mends what it finds: half a namespace, a loose cable, a wrong address', async () => {
    const stack = 'lt-half';
    const own = await lab(stack, 62, 3);
    mkdirSync('/run/netns', { recursive: true });
    writeFileSync(`/run/netns/${namespaceOf(stack, 'h-1')}`, '');
    await expectCommand('ip', ['link', 'add', bridgeName(stack), 'type', 'bridge']);
    await expectCommand('ip', [
      'link',
      'add',
      cableName(stack, 'h-2'),
      'type',
      'veth',
      'peer',
      'name',
      'ltpeer',
    ]);
    await Promise.all(own.lab.hosts.map((host) => host.prepare()));
    await own.lab.host('h-3').run(['ip', 'address', 'replace', '10.200.62.99/24', 'dev', 'eth0']);
    await own.lab.host('h-3').run(['ip', 'address', 'delete', '10.200.62.13/24', 'dev', 'eth0']);
    await Promise.all(own.lab.hosts.map((host) => host.prepare()));
    for (const address of ['10.200.62.12', '10.200.62.13'])
      expect(await reaches(own, 'h-1', address)).toBe(true);
    const { ino } = statSync(`/run/netns/${namespaceOf(stack, 'h-3')}`);
    await Promise.all(own.lab.hosts.map((host) => host.prepare()));
    expect(statSync(`/run/netns/${namespaceOf(stack, 'h-3')}`).ino).toBe(ino);
  });

  it('works from a state directory with a long path and blanks', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'tandem-lt-long-'));
    const stateDirectory = join(
      parent,
      'a directory with a name that is far too long for a unix socket',
      'x'.repeat(60),
    );
    mkdirSync(stateDirectory, { recursive: true });
    try {
      const own = openLab('lt-long', 63, 1, stateDirectory);
      await own.host('h-1').prepare();
      expect((await own.host('h-1').run(['hostname'])).stdout).toBe('h-1\n');
      expect((await own.host('h-1').observe()).exists).toBe(true);
    } finally {
      await takeDown('lt-long', stateDirectory);
      await rm(parent, { recursive: true, force: true });
    }
  });
});
