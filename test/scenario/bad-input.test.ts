/** What goes wrong around a stack, rather than in its file: each says what, where, and what to do, and harms nothing. */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { StackFile } from '#src/spec/schema.ts';
import { type CommandOutput, command, expectCommand } from '#test/support/command.ts';
import { Lab, referenceStack, repository } from '#test/support/lab.ts';
import { namespaces } from '#test/support/namespaces.ts';
import { sleep, waitFor } from '#test/support/wait.ts';

const subnet = '10.201.40.0/24';
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function describeLab(name: string, network = subnet): Promise<Lab> {
  const lab = await Lab.describe(referenceStack(name, network));
  cleanups.push(() => lab.close());
  return lab;
}

/** What every refusal has in common: its exit code, a reason, advice, no stack of calls, nothing begun. */
async function expectRefusal(
  lab: Lab,
  result: CommandOutput,
  code: number,
  words: readonly RegExp[],
): Promise<void> {
  const text = result.stdout + result.stderr;
  expect(result.code, text).toBe(code);
  for (const word of words) expect(text).toMatch(word);
  expect(text).not.toMatch(/\n\s+at .*\.ts:\d+/);
  const begun = (await namespaces()).filter((name) => name.startsWith(`tandem-${lab.stack.stack}-`));
  expect(begun, text).toEqual([]);
}

describe('tandem up says what stands in its way', () => {
  test('a subnet that this machine uses already', async () => {
    const lab = await describeLab('t-bad-subnet', '10.201.41.0/24');
    await expectCommand('ip', ['link', 'add', 'tbadsubnet', 'type', 'bridge']);
    cleanups.push(() => command('ip', ['link', 'delete', 'tbadsubnet']));
    await expectCommand('ip', ['address', 'add', '10.201.41.77/24', 'dev', 'tbadsubnet']);
    await expectCommand('ip', ['link', 'set', 'tbadsubnet', 'up']);
    await expectRefusal(lab, await lab.run('up'), 1, [/10\.201\.41\.0\/24/, /tbadsubnet/, /network\.subnet/]);
  });

  test('a user who is not root', async () => {
    const lab = await describeLab('t-bad-user');
    await expectCommand('chmod', ['-R', 'a+rwX', lab.directory]);
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--'];
    const result = await command(
      'setpriv',
      [...nobody, join(repository, 'tandem'), 'up', '--file', lab.file],
      {
        cwd: lab.directory,
      },
    );
    await expectRefusal(lab, result, 1, [/root/, /sudo|as root/]);
  });

  test('a disk that is nearly full', async () => {
    const lab = await describeLab('t-bad-disk');
    const state = join(lab.directory, 'state');
    await mkdir(state);
    await expectCommand('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', state]);
    cleanups.push(() => command('umount', [state]));
    const result = await lab.run('up', '--state', state);
    await expectRefusal(lab, result, 1, [/MiB/, /free/i, new RegExp(state)]);
    expect(await readdir(state)).not.toContain('material');
  });

  test('a package that can not be installed', async () => {
    const lab = await describeLab('t-bad-package');
    // In a mount namespace of its own: a package list in which keepalived is missing, and no source to get it from.
    const directory = await mkdtemp(join(tmpdir(), 'tandem-dpkg-'));
    cleanups.push(() => rm(directory, { recursive: true, force: true }));
    const status = await readFile('/var/lib/dpkg/status', 'utf8');
    const without = status.split('\n\n').filter((entry) => !entry.startsWith('Package: keepalived\n'));
    await cp('/var/lib/dpkg', join(directory, 'dpkg'), { recursive: true });
    await writeFile(join(directory, 'dpkg/status'), without.join('\n\n'));
    await mkdir(join(directory, 'empty'));
    const script = `set -eu
      mount --bind "$1/dpkg" /var/lib/dpkg
      for path in /etc/apt/sources.list.d /var/lib/apt/lists; do mount --bind "$1/empty" "$path"; done
      [ ! -e /etc/apt/sources.list ] || mount --bind /dev/null /etc/apt/sources.list
      shift; exec "$@"`;
    const words = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', directory];
    const up = [join(repository, 'tandem'), 'up', '--file', lab.file];
    const result = await command('unshare', [...words, ...up], { cwd: lab.directory });
    await expectRefusal(lab, result, 1, [/keepalived/, /apt-get/, /package sources|network/]);
  });
});

describe('tandem up beside what is there', () => {
  test('a second one while one runs is refused, and the first ends healthy', {
    timeout: 120_000,
  }, async () => {
    const lab = await describeLab('t-bad-second');
    const first = lab.spawn('up');
    let said = '';
    for (const stream of [first.stdout, first.stderr])
      stream?.on('data', (text) => {
        said += text;
      });
    const ended = new Promise((resolve) => first.once('close', resolve));
    // The lock is held from before the first step until after the last.
    await waitFor('the first step', () => said.length > 0, 30_000, 5);
    process.kill(-(first.pid ?? 0), 'SIGSTOP');
    const second = await lab.run('up');
    process.kill(-(first.pid ?? 0), 'SIGCONT');
    expect(second.code).toBe(1);
    expect(second.stderr + second.stdout).toMatch(/'tandem up' \(process \d+\)/);
    await ended;
    expect(first.exitCode, said).toBe(0);
    expect((await lab.status()).healthy).toBe(true);
  });

  test('a stack file that takes the database away from all who have it, or from the primary alone', {
    timeout: 180_000,
  }, async () => {
    const lab = await describeLab('t-bad-primary');
    await lab.expect('up');
    const { primary } = (await lab.status()).database;
    const body = { name: 'Kept', email: 'kept@example.org' };
    expect((await lab.fetch('/api/users', { method: 'POST', body })).status).toBe(201);
    const { stack } = lab;
    await lab.write(withDatabaseOn(stack, (name) => name.startsWith('lb-')));
    const refused = await lab.run('up');
    expect(refused.code, refused.stderr).toBe(2);
    expect(refused.stderr).toMatch(
      /Nothing was changed.*every database member that has the data would leave/s,
    );
    await lab.write(stack);
    expect(await lab.expect('up')).toMatch(/Nothing changed/);
    await lab.write(withDatabaseOn(stack, (name) => name.startsWith('server-') && name !== primary));
    await lab.expect('up');
    const { database } = await lab.healthy();
    expect(database.primary).not.toBe(primary);
    expect(JSON.stringify((await lab.fetch('/api/users')).body)).toContain('kept@example.org');
  });

  test("another stack's data is never initialised over", { timeout: 180_000 }, async () => {
    const lab = await describeLab('t-bad-data');
    await lab.expect('up');
    const body = { name: 'Kept', email: 'kept@example.org' };
    expect((await lab.fetch('/api/users', { method: 'POST', body })).status).toBe(201);
    const state = await lab.stateDirectory();
    await lab.expect('down');
    // Other secrets, hence another stack, over the same data.
    await rm(join(state, 'material'), { recursive: true });
    const before = await dataFiles(state);
    expect(before.length).toBeGreaterThan(3);
    const result = await lab.run('up');
    const text = result.stdout + result.stderr;
    expect(result.code, text).toBe(1);
    expect(text).toMatch(/another stack|belongs to/i);
    await lab.run('down');
    await sleep(100);
    expect(existsSync(state)).toBe(true);
    const after = new Set(await dataFiles(state));
    expect(before.filter((file) => !after.has(file))).toEqual([]);
  });
});

function withDatabaseOn(stack: StackFile, has: (host: string) => boolean): StackFile {
  const hosts = Object.entries(stack.hosts).map(([name, host]) => {
    const others = host.roles.filter((role) => role !== 'database');
    return [name, { ...host, roles: has(name) ? [...others, 'database'] : others }];
  });
  return { ...stack, hosts: Object.fromEntries(hosts) };
}

/** Table files of the example with their sizes: what an initialisation would have taken away. */
async function dataFiles(state: string): Promise<readonly string[]> {
  const paths = await readdir(state, { recursive: true });
  const tables = paths.filter((path) => path.endsWith('.ibd') || path.endsWith('ibdata1'));
  return Promise.all(tables.map(async (path) => `${path} ${(await stat(join(state, path))).ino}`));
}
