/** The supervisor of a real host, with trivial services: restarts, adoption, order, reload, crash loop, log rotation. */
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LabHost } from '#src/provision/lab/host.ts';
import type { Service } from '#src/render/service.ts';
import { namespaceOf } from '#test/support/namespaces.ts';
import { networkIdentity, processes, processOf } from '#test/support/processes.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import { service, sleeper, type TestLab, testLab } from './fixture.ts';

const stack = 'lt-super';
let lab: TestLab;
let host: LabHost;

beforeAll(async () => {
  lab = await testLab(stack, 11, 1);
  host = lab.lab.host('h-1');
  await host.prepare();
});

afterAll(() => lab?.close());

beforeEach(({ onTestFailed }) => {
  const from = performance.now();
  onTestFailed(() => {
    const log = (name: string) => `${name}:\n${logOf(name).split('\n').slice(-20).join('\n')}`;
    console.error(`after ${Math.round(performance.now() - from)} ms`, log('supervisor'), log('web'));
  });
});

async function run(services: readonly Service[]): Promise<void> {
  await host.define(services);
  for (const { name } of services) await host.control(name, 'start');
}

/** Ends what a test ran, so that the next one has the host for itself. */
async function clear(): Promise<void> {
  const statuses = await host.services();
  await host.define([]);
  await Promise.all(statuses.map(({ name }) => host.control(name, 'stop').catch(() => undefined)));
}

async function status(name: string) {
  const found = (await host.services()).find((each) => each.name === name);
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
}

async function pidOf(name: string): Promise<number> {
  const { pid } = await status(name);
  if (pid === null) throw new Error(`${name} has no process`);
  return pid;
}

function logOf(name: string): string {
  return readFileSync(join(host.directories.logs, `${name}.log`), 'utf8');
}

function ownBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss_Anon:\s+(\d+) kB/m.exec(text)?.[1]) * 1_024;
}

/** A listener with children, as nginx and HAProxy have: what is left of it holds the port. */
const listener = [
  'const net = require("node:net");',
  'require("node:child_process").spawn("sleep", ["86400"], { stdio: "inherit" });',
  'let loads = 0;',
  'process.on("SIGHUP", () => console.log("reloaded", ++loads));',
  'net.createServer((socket) => socket.end(process.env.GREETING)).listen(8080, "0.0.0.0", () => console.log("up"));',
].join('\n');

function listening(more: Partial<Service> = {}): Service {
  return service('web', [process.execPath, '-e', listener], {
    readiness: { kind: 'tcp', address: '127.0.0.1', port: 8080 },
    reload: { kind: 'signal', signal: 'SIGHUP' },
    environment: { GREETING: 'hello' },
    ...more,
  });
}

describe('a supervised service', { timeout: 30_000 }, () => {
  it('runs as its user, with its groups, limits, environment and directories', async () => {
    writeFileSync(join(host.directories.config, 'secret.env'), 'PASSWORD=a=b c\n', { mode: 0o600 });
    const show =
      'id -un; id -Gn; ulimit -n; pwd; echo "$COLOUR/$PASSWORD/$HOME"; touch /run/tandem/own/made; exec sleep 99';
    await run([
      service('who', ['/bin/sh', '-c', show], {
        user: 'www-data',
        groups: ['adm'],
        openFiles: 4_321,
        environment: { COLOUR: 'green' },
        environmentFile: '/etc/tandem/secret.env',
        workingDirectory: '/var/tmp',
        directories: [{ path: '/run/tandem/own', mode: 0o750, owner: 'www-data' }],
      }),
    ]);
    await waitFor('the directory', () => existsSync(join(host.directories.run, 'own/made')), 2_000);
    expect(logOf('who').trim().split('\n')).toEqual([
      'www-data',
      'www-data adm',
      '4321',
      '/var/tmp',
      'green/a=b c//var/www',
    ]);
    expect(statSync(join(host.directories.run, 'own')).mode & 0o777).toBe(0o750);
    await clear();
  });

  it('is back within a second of kill -9, also when its children hold the port', async () => {
    await run([listening()]);
    for (let round = 0; round < 3; round += 1) {
      const pid = await pidOf('web');
      process.kill(pid, 'SIGKILL');
      const from = performance.now();
      await waitFor(
        'its return',
        async () => (await status('web')).state === 'running' && (await pidOf('web')) !== pid,
        3_000,
        10,
      );
      expect(performance.now() - from).toBeLessThan(1_000);
    }
    expect((await status('web')).restarts).toBe(3);
    await clear();
    const left = processes().filter(({ network }) => network === networkIdentity(namespaceOf(stack, 'h-1')));
    expect(left.flatMap(({ arguments: words }) => (words.includes('86400') ? [words] : []))).toEqual([]);
  });

  it('is adopted by the next supervisor: same process, nothing killed, and then still watched', async () => {
    await run([listening(), sleeper('quiet', { user: 'www-data' })]);
    const before = await host.services();
    for (let round = 0; round < 3; round += 1) {
      const { pid } = await host.supervisor.health();
      process.kill(pid, 'SIGKILL');
      const from = performance.now();
      const next = await waitFor(
        'the next supervisor',
        async () => {
          const health = await host.supervisor.healthIfThere();
          return health !== undefined && health.pid !== pid ? health : undefined;
        },
        3_000,
        10,
      );
      expect(performance.now() - from).toBeLessThan(1_000);
      expect(processOf(next.keeperPid ?? 0)).toBeDefined();
      expect(await host.services()).toEqual(before);
    }
    const pid = await pidOf('quiet');
    process.kill(pid, 'SIGKILL');
    await waitFor('an adopted service to return', async () => (await pidOf('quiet')) !== pid, 1_000, 10);
    await clear();
  });

  it('was killed together with its supervisor, and is back all the same', async () => {
    await run([listening()]);
    const pid = await pidOf('web');
    const { pid: supervisor } = await host.supervisor.health();
    process.kill(supervisor, 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    await waitFor(
      'its return',
      async () => {
        const [web] = await host.services();
        return web?.state === 'running' && web.pid !== pid;
      },
      3_000,
      20,
    );
    await clear();
  });

  it('starts after those that it comes after, and after its beforeStart; afterStop follows each end', async () => {
    const trace = (word: string) => ['/bin/sh', '-c', `echo ${word} >>/run/tandem/trace`];
    const traced = (name: string, after: readonly string[], more: Partial<Service> = {}) =>
      sleeper(name, {
        after,
        beforeStart: [trace(`before-${name}`)],
        afterStop: [trace(`after-${name}`)],
        ...more,
      });
    await host.define([
      traced('second', ['first']),
      traced('first', [], { readiness: { kind: 'command', command: ['/bin/sh', '-c', 'sleep 0.2'] } }),
    ]);
    await Promise.all(['first', 'second'].map((name) => host.control(name, 'start')));
    const read = () => readFileSync(join(host.directories.run, 'trace'), 'utf8').trim().split('\n');
    expect(read()).toEqual(['before-first', 'before-second']);
    await host.supervisor.control('second', 'kill');
    await waitFor(
      'afterStop, then beforeStart',
      () => read().slice(2).join() === 'after-second,before-second',
      2_000,
    );
    await host.control('second', 'stop');
    expect(read().at(-1)).toBe('after-second');
    await clear();
  });

  it('reloads by signal or command in place, and says what holds since', async () => {
    const first = listening({
      files: [{ path: '/etc/tandem/web.conf', content: 'a', mode: 0o644, owner: 'root', onChange: 'reload' }],
    });
    await run([first]);
    const before = await status('web');
    const changed = { ...first, files: first.files.map((file) => ({ ...file, content: 'b' })) };
    await host.define([changed]);
    expect((await status('web')).configuration).toBe(before.configuration);
    await host.control('web', 'reload');
    const after = await status('web');
    expect(after.pid).toBe(before.pid);
    expect(after.configuration).not.toBe(before.configuration);
    expect(after.definition).toBe(before.definition);
    await waitFor('the reload', () => logOf('web').includes('reloaded 1'), 2_000);
    await host.define([
      { ...changed, reload: { kind: 'command', command: ['/bin/sh', '-c', 'kill -HUP "$MAINPID"'] } },
    ]);
    await host.control('web', 'reload');
    await waitFor('the reload', () => logOf('web').includes('reloaded 2'), 2_000);
    await clear();
  });

  it('is restarted on request with its new definition only then', async () => {
    await run([listening()]);
    const before = await status('web');
    await host.define([listening({ environment: { GREETING: 'good-bye' } })]);
    expect(await status('web')).toEqual(before);
    await host.control('web', 'restart');
    const after = await status('web');
    expect(after.pid).not.toBe(before.pid);
    expect(after.definition).not.toBe(before.definition);
    expect((await host.run(['/bin/bash', '-c', 'cat </dev/tcp/127.0.0.1/8080'])).stdout).toBe('good-bye');
    await clear();
  });

  it('that is no longer defined runs until it is stopped, then is forgotten', async () => {
    await run([sleeper('old'), sleeper('new')]);
    const pid = await pidOf('old');
    await host.define([sleeper('new')]);
    expect(await pidOf('old')).toBe(pid);
    await host.control('old', 'stop');
    expect((await host.services()).map(({ name }) => name)).toEqual(['new']);
    await clear();
  });
});

describe('a failing service', { timeout: 30_000 }, () => {
  it('ends in a crash loop that is reported with its last words, and recovers when its fault is mended', async () => {
    const flag = join(host.directories.run, 'mended');
    const script = 'if [ -e /run/tandem/mended ]; then exec sleep 99; fi; echo no such luck; exit 3';
    const restart = { baseDelayMs: 20, maxDelayMs: 300, crashLoopCount: 4, windowMs: 1_500 };
    await host.define([service('bad', ['/bin/sh', '-c', script], { restart })]);
    const failure = await host.control('bad', 'start').catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'service-failed',
      message: expect.stringContaining('ended with code 3'),
    });
    expect(JSON.stringify(failure)).toContain('no such luck');
    expect(await status('bad')).toMatchObject({ state: 'crash-loop', reason: 'ended with code 3' });
    writeFileSync(flag, '');
    await waitFor('recovery', async () => (await status('bad')).state === 'running', 4_000);
    await clear();
  });

  it('that cannot be started says why', async () => {
    await host.define([
      service('absent', ['/usr/bin/does-not-exist']),
      sleeper('nobody', { user: 'no-such-user' }),
      sleeper('refused', { beforeStart: [['/bin/sh', '-c', 'echo refused because; exit 9']] }),
      sleeper('never', { readiness: { kind: 'socket', path: '/run/tandem/no.sock' }, startTimeoutMs: 300 }),
    ]);
    const messages = ['absent', 'nobody', 'refused', 'never'].map((name) =>
      host.control(name, 'start').then(
        () => 'started',
        (error: Error) => error.message,
      ),
    );
    const [absent, nobody, refused, never] = await Promise.all(messages);
    expect(absent).toMatch(/absent could not start: .*ENOENT/);
    expect(nobody).toContain("no unix user 'no-such-user'");
    expect(refused).toContain('ended with code 9');
    expect(never).toContain('was not ready within 300 ms');
    await clear();
  });

  it('that ignores its stop signal is killed after its time, a frozen one at once', async () => {
    const stop = { signal: 'SIGTERM', timeoutMs: 400 } as const;
    await run([
      service('deaf', ['/bin/sh', '-c', 'trap "" TERM; while :; do sleep 1; done'], { stop }),
      sleeper('frozen'),
    ]);
    const pid = await pidOf('frozen');
    process.kill(pid, 'SIGSTOP');
    const from = performance.now();
    await Promise.all([host.control('deaf', 'stop'), host.control('frozen', 'stop')]);
    expect(performance.now() - from).toBeLessThan(1_500);
    expect(processOf(pid)).toBeUndefined();
    await clear();
  });

  it('of a wrong name or action is a clear error', async () => {
    await expect(host.control('nobody', 'start')).rejects.toMatchObject({ code: 'service-unknown' });
    await host.define([sleeper('plain')]);
    await host.control('plain', 'start');
    await expect(host.control('plain', 'reload')).rejects.toThrow('cannot reload');
    await clear();
  });
});

describe('a oneshot', { timeout: 30_000 }, () => {
  it('is done when it has ended well, runs again on reload, and stays done under the next supervisor', async () => {
    const rules = service('rules', ['/bin/sh', '-c', 'echo applied'], {
      kind: 'oneshot',
      afterStop: [['/bin/sh', '-c', 'echo taken away']],
    });
    await run([rules]);
    expect(await status('rules')).toMatchObject({ state: 'done', pid: null });
    await host.control('rules', 'reload');
    const { pid } = await host.supervisor.health();
    process.kill(pid, 'SIGKILL');
    await waitFor('the next supervisor', async () => (await host.supervisor.health()).pid !== pid, 3_000);
    expect(await status('rules')).toMatchObject({ state: 'done' });
    expect(logOf('rules').trim().split('\n')).toEqual(['applied', 'taken away', 'applied']);
    await clear();
  });

  it('that fails is failed, with its code', async () => {
    await host.define([service('rules', ['/bin/false'], { kind: 'oneshot' })]);
    await expect(host.control('rules', 'start')).rejects.toThrow('ended with code 1');
    expect(await status('rules')).toMatchObject({ state: 'failed', reason: 'ended with code 1' });
    await clear();
  });
});

describe('the host at rest', { timeout: 30_000 }, () => {
  it('rotates logs that grow beyond 10 MiB and goes on writing at their beginning', async () => {
    const talk = 'while :; do echo line; sleep 0.05; done';
    await run([service('talk', ['/bin/sh', '-c', talk])]);
    const path = join(host.directories.logs, 'talk.log');
    appendFileSync(path, Buffer.alloc(10 * 1_048_576, 'x'));
    await waitFor('rotation', () => statSync(path).size < 1_000, 12_000);
    await waitFor('new lines', () => /^line\nline\n/.test(readFileSync(path, 'utf8')), 2_000);
    expect(statSync(`${path}.1`).size).toBeGreaterThan(10 * 1_048_576);
    await clear();
  });

  it('costs next to nothing: below 25 MiB of its own and 1 % of a core', async () => {
    await run([sleeper('one'), sleeper('two'), sleeper('three')]);
    const { pid, keeperPid } = await host.supervisor.health();
    const cpu = () => (processOf(pid)?.cpuTicks ?? 0) + (processOf(keeperPid ?? 0)?.cpuTicks ?? 0);
    const before = cpu();
    await sleep(3_000);
    expect(cpu() - before).toBeLessThanOrEqual(3);
    // The program's text comes on top, shared with every other Node process of the machine.
    expect(ownBytes(pid) + ownBytes(keeperPid ?? 0)).toBeLessThan(25 * 1_048_576);
    await clear();
  });
});
