/** The install script with an apt-get of the test's own: policy, interruption, two at once, errors. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installPackages } from '#src/provision/packages/install.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { command } from '#test/support/command.ts';
import { waitFor } from '#test/support/wait.ts';

const script = resolve(import.meta.dirname, '../../../src/provision/packages/install.sh');
const reporter: Reporter = { step: (_host, _title, work) => work(), note: () => undefined };
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tandem-packages-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const path = (name: string) => join(directory, name);
const paths = () => ({ policy: path('policy'), before: path('before'), lock: path('lock') });

/** An apt-get that notes what it was asked for and whether services may start meanwhile. */
function fakeApt(body: string): NodeJS.ProcessEnv {
  writeFileSync(
    path('apt-get'),
    `#!/bin/sh\necho "$1" >>${path('calls')}\nsh ${path('policy')}; echo "policy $?" >>${path('calls')}\n${body}\n`,
  );
  chmodSync(path('apt-get'), 0o755);
  return { ...process.env, PATH: `${directory}:${process.env['PATH']}` };
}

function run(environment: NodeJS.ProcessEnv, ...names: string[]) {
  return command('sh', [script, path('policy'), path('before'), path('log'), ...names], { env: environment });
}

const calls = () => readFileSync(path('calls'), 'utf8').trim().split('\n');

describe('installing packages', () => {
  it('forbids service starts meanwhile and puts an earlier policy back', async () => {
    writeFileSync(path('policy'), 'exit 104\n', { mode: 0o755 });
    expect((await run(fakeApt('exit 0'), 'x')).code).toBe(0);
    expect(calls()).toEqual(['install', 'policy 101']);
    expect(readFileSync(path('policy'), 'utf8')).toBe('exit 104\n');
    expect(readFileSync(path('before'), 'utf8')).toMatch(/^ii\s+\S+$/m);
  });

  it('leaves no policy where there was none', async () => {
    expect((await run(fakeApt('exit 0'), 'x')).code).toBe(0);
    expect(existsSync(path('policy'))).toBe(false);
  });

  it('fetches the lists after a first failure, and gives up after the second with the words of apt', async () => {
    const failing = fakeApt('[ "$1" = update ] || { echo "E: Unable to locate package x"; exit 100; }');
    expect((await run(failing, 'x')).code).toBe(100);
    expect(calls().filter((line) => !line.startsWith('policy'))).toEqual(['install', 'update', 'install']);
    expect(readFileSync(path('log'), 'utf8')).toContain('Unable to locate package x');
    expect(existsSync(path('policy'))).toBe(false);
  });

  it('undoes what a run left behind that was killed at any point', async () => {
    const marked =
      '#!/bin/sh\n# Put here by Tandem while it installs packages; removed afterwards.\nexit 101\n';
    for (const left of [
      { kept: true, policy: undefined },
      { kept: true, policy: marked },
      { kept: false, policy: marked },
    ]) {
      if (left.kept) writeFileSync(path('policy.before-tandem'), 'exit 104\n', { mode: 0o755 });
      if (left.policy !== undefined) writeFileSync(path('policy'), left.policy, { mode: 0o755 });
      expect((await run(fakeApt('exit 0'), 'x')).code).toBe(0);
      expect(existsSync(path('policy.before-tandem'))).toBe(false);
      expect(existsSync(path('policy')) ? readFileSync(path('policy'), 'utf8') : '').toBe(
        left.kept ? 'exit 104\n' : '',
      );
      rmSync(path('policy'), { force: true });
    }
  });

  it('comes to its end when the command that started it is killed', async () => {
    const environment = fakeApt('sleep 0.5; echo done');
    const text = `import { installPackages } from ${JSON.stringify(resolve(script, '../install.ts'))};
      const reporter = { step: (host, title, work) => work(), note() {} };
      await installPackages(['no-such-package-of-tandem'], reporter, ${JSON.stringify(paths())});`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
      env: environment,
      stdio: 'ignore',
    });
    await waitFor('the install', () => existsSync(path('policy')), 5_000, 10);
    child.kill('SIGKILL');
    await waitFor('the policy to be gone', () => !existsSync(path('policy')), 5_000);
    expect(readFileSync(path('before.log'), 'utf8')).toContain('done');
    // The next run, which finds nothing missing, finishes what was left: services of new packages off.
    await installPackages(['dpkg'], reporter, paths());
    expect(existsSync(path('before'))).toBe(false);
  });

  it('is quick when all are there, and names the package that can not be had', async () => {
    const from = performance.now();
    await installPackages(['dpkg', 'coreutils'], reporter, paths());
    expect(performance.now() - from).toBeLessThan(250);
    expect(existsSync(path('lock'))).toBe(false);
    const environment = fakeApt('echo "E: Unable to locate package no-such-package-of-tandem"; exit 100');
    const before = process.env['PATH'];
    process.env['PATH'] = environment['PATH'];
    try {
      await expect(
        installPackages(['dpkg', 'no-such-package-of-tandem'], reporter, paths()),
      ).rejects.toMatchObject({
        code: 'package-install-failed',
        message: 'apt-get could not install no-such-package-of-tandem.',
      });
    } finally {
      process.env['PATH'] = before;
    }
  });
});
