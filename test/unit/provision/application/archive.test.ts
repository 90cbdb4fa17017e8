import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepArchives, makeArchive } from '#src/provision/application/archive.ts';
import { HostApplication } from '#src/provision/application/host.ts';
import { runCommand } from '#src/provision/lab/command.ts';
import { applicationDirectory } from '#src/topology/paths.ts';

let root = '';
const at = (...parts: string[]) => join(root, ...parts);
const write = (path: string, text: string) => {
  mkdirSync(join(at(path), '..'), { recursive: true });
  writeFileSync(at(path), text);
};
const archive = (source: string, staticPath?: string) =>
  makeArchive({ source: at(source), stateDirectory: at('state'), staticPath });
const names = (file: string) =>
  execFileSync('tar', ['-tzf', file], { encoding: 'utf8' }).split('\n').filter(Boolean);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tandem-archive-'));
  write('app/server.js', 'one');
  write('app/public/index.html', 'page');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('a release', () => {
  it('is its content: not its place, its times or its owner', async () => {
    const first = await archive('app');
    execFileSync('cp', ['-r', at('app'), at('elsewhere')]);
    utimesSync(at('elsewhere/server.js'), 1, 1);
    chmodSync(at('elsewhere/server.js'), 0o600);
    expect((await archive('elsewhere')).release).toBe(first.release);
    writeFileSync(at('elsewhere/server.js'), 'two');
    expect((await archive('elsewhere')).release).not.toBe(first.release);
    chmodSync(at('app/server.js'), 0o755);
    expect((await archive('app')).release).not.toBe(first.release);
  });

  it('is the same from an archive of it, with or without a directory around it', async () => {
    const { release } = await archive('app');
    execFileSync('tar', ['-czf', at('plain.tar.gz'), '-C', at('app'), '.']);
    execFileSync('tar', ['-cf', at('package.tar'), '-C', root, 'app']);
    expect((await archive('plain.tar.gz')).release).toBe(release);
    expect((await archive('package.tar')).release).toBe(release);
  });

  it('has nothing of git, of the state directory, or of what .tandemignore names', async () => {
    for (const path of [
      'app/.git/config',
      'app/.tandem/x/secrets.json',
      'app/deep/coverage/a',
      'app/notes.log',
    ])
      write(path, 'no');
    write('app/.tandemignore', 'coverage\n*.log\n');
    const inside = { source: at('app'), stateDirectory: at('app/own-state'), staticPath: undefined };
    const { file } = await makeArchive(inside);
    expect(names(file)).toEqual([
      './',
      './.tandemignore',
      './deep/',
      './public/',
      './public/index.html',
      './server.js',
    ]);
  });
});

describe('on this machine', () => {
  it('only those asked for are kept, and nothing of a command that was killed', async () => {
    const first = await archive('app');
    write('app/server.js', 'two');
    mkdirSync(at('state/application/making-killed'));
    const second = await archive('app');
    write('state/application/record.json', '{}');
    await keepArchives(at('state'), [second.release]);
    expect(readdirSync(at('state/application')).sort()).toEqual(
      [`${second.release}.tar.gz`, 'record.json'].sort(),
    );
    expect(first.release).not.toBe(second.release);
  });
});

describe('no release', () => {
  const refused = async (work: Promise<unknown>) => {
    const error = (await work.catch((reason: unknown) => reason)) as {
      kind: string;
      issues: { path: string; message: string }[];
    };
    expect(error.kind).toBe('input');
    expect(readdirSync(at('state/application'))).toEqual([]);
    return error.issues.map(({ path, message }) => `${path.replace(root, '')}: ${message}`);
  };

  it('is what does not exist, is empty, or is no archive', async () => {
    mkdirSync(at('empty'));
    write('text', 'text');
    expect(await refused(archive('nowhere'))).toEqual(['/nowhere: does not exist']);
    expect(await refused(archive('empty'))).toEqual(['/empty: is empty']);
    expect((await refused(archive('text')))[0]).toContain('/text: is no archive that tar can read');
  });

  it('is one without the static files of the stack file', async () => {
    expect(await refused(archive('app', 'static'))).toEqual(['/app: has no directory static (web.static)']);
    await archive('app', 'public');
  });

  it('is one with links that lead out of it', async () => {
    symlinkSync('../server.js', at('app/public/inside'));
    await archive('app');
    symlinkSync('../../secret', at('app/public/outside'));
    symlinkSync('/etc/passwd', at('app/absolute'));
    rmSync(at('state'), { recursive: true });
    expect(await refused(archive('app'))).toEqual([
      'absolute: is a link to /etc/passwd, which is no part of the release',
      'public/outside: is a link to ../../secret, which is no part of the release',
    ]);
  });
});

describe('on a host', () => {
  /** The very script, in a directory of the test's. */
  const host = () =>
    new HostApplication({
      host: 'web-1',
      run: (command: readonly string[], options: object) =>
        runCommand(
          command.map((word) => (word === applicationDirectory ? at('host') : word)),
          options,
        ),
    } as never);

  it('is installed whole, used, kept, and given back as the same archive', async () => {
    const first = await archive('app');
    write('app/server.js', 'two');
    const second = await archive('app');
    const web = host();
    expect(await web.observe()).toEqual({ current: null, applied: null, releases: [] });
    for (const each of [first, second, second]) await web.install(each);
    await web.use(first.release);
    await web.use(second.release);
    await web.applied(second.release);
    expect(await web.observe()).toEqual({
      current: second.release,
      applied: second.release,
      releases: [first.release, second.release].sort(),
    });
    writeFileSync(at('given-back.tar.gz'), await web.export(first.release));
    expect((await archive('given-back.tar.gz')).release).toBe(first.release);
    await web.keep([second.release]);
    expect((await web.observe()).releases).toEqual([second.release]);
    await expect(web.use(first.release)).rejects.toThrow('could not use release');
  });

  it('is refused when it came damaged, or is larger than the disk', async () => {
    const made = await archive('app');
    await expect(host().install({ ...made, release: '0123456789abcdef' })).rejects.toMatchObject({
      issues: [{ message: 'the archive that came is not 0123456789abcdef' }],
    });
    await expect(host().install({ ...made, bytes: 1e15 })).rejects.toMatchObject({
      issues: [{ message: expect.stringContaining('KiB free') }],
    });
    expect(readdirSync(at('host/releases'))).toEqual([]);
  });
});
