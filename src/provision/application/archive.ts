/**
 * A release of the application: a directory as one tar archive that depends on names, content and executable bits
 * alone, so that the same files are the same release wherever and whenever it is made (tar(1), "Reproducibility").
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { ensureDirectory } from '#src/adapters/files/atomic.ts';
import { type Issue, inputError, TandemError } from '#src/std/errors.ts';
import { execute } from '../packages/execute.ts';

export interface ReleaseArchive {
  readonly release: string;
  /** Compressed, on this machine. */
  readonly file: string;
  /** Unpacked. */
  readonly bytes: number;
}

/** What no application is made of; `.tandemignore` names more, in the patterns of tar(1). */
const neverPart = ['./.git', './.tandem'];
const ignoreFile = '.tandemignore';
const workPrefix = 'making-';

export function archiveDirectory(stateDirectory: string): string {
  return join(stateDirectory, 'application');
}

export function archivePath(stateDirectory: string, release: string): string {
  return join(archiveDirectory(stateDirectory), `${release}.tar.gz`);
}

export interface ArchiveRequest {
  /** A directory, or an archive of one that tar(1) can read. */
  readonly source: string;
  readonly stateDirectory: string;
  /** Where the static files must be in it; undefined without any. */
  readonly staticPath: string | undefined;
}

/** Makes the archive, unless it is there. Input errors name what is wrong with the source; nothing else was changed. */
export async function makeArchive(request: ArchiveRequest): Promise<ReleaseArchive> {
  const directory = archiveDirectory(request.stateDirectory);
  await ensureDirectory(directory);
  const found = await stat(request.source).catch(() => undefined);
  if (found === undefined) throw bad(request.source, 'does not exist');
  await removeLeftovers(directory);
  const work = await mkdtemp(join(directory, workPrefix));
  try {
    const source = found.isDirectory() ? request.source : await unpack(request.source, work);
    await checkDirectory(source, request.staticPath);
    const packed = await pack(source, join(work, 'release.tar.gz'), request.stateDirectory);
    await checkLinks(source, join(work, 'release.tar.gz'));
    const file = archivePath(request.stateDirectory, packed.release);
    await rename(join(work, 'release.tar.gz'), file);
    return { ...packed, file };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Of commands that were killed; the caller holds the stack's lock. */
async function removeLeftovers(directory: string): Promise<void> {
  const left = (await readdir(directory)).filter((name) => name.startsWith(workPrefix));
  await Promise.all(left.map((name) => rm(join(directory, name), { recursive: true, force: true })));
}

/** Removes the archives of all releases but these from this machine. */
export async function keepArchives(stateDirectory: string, releases: readonly string[]): Promise<void> {
  const directory = archiveDirectory(stateDirectory);
  const kept = new Set(releases.map((release) => archivePath(stateDirectory, release)));
  const files = (await readdir(directory)).filter((name) => name.endsWith('.tar.gz'));
  for (const path of files.map((name) => join(directory, name)))
    if (!kept.has(path)) await rm(path, { force: true });
}

async function unpack(archive: string, work: string): Promise<string> {
  const target = join(work, 'content');
  await ensureDirectory(target);
  const words = ['--extract', `--file=${resolve(archive)}`, `--directory=${target}`, '--no-same-owner'];
  const { code, stderr } = await execute('tar', words, { mayFail: true });
  if (code !== 0) throw bad(archive, `is no archive that tar can read: ${stderr.trim().split('\n').at(-1)}`);
  // As npm and git make them: everything lies in one directory.
  const entries = await readdir(target, { withFileTypes: true });
  const [only] = entries;
  return entries.length === 1 && only?.isDirectory() ? join(target, only.name) : target;
}

async function checkDirectory(source: string, staticPath: string | undefined): Promise<void> {
  const names = await readdir(source).catch((error: NodeJS.ErrnoException) => {
    throw bad(source, `cannot be read (${error.code})`);
  });
  if (names.length === 0) throw bad(source, 'is empty');
  if (staticPath === undefined || staticPath === '') return;
  const found = await stat(join(source, staticPath)).catch(() => undefined);
  if (found?.isDirectory() !== true) throw bad(source, `has no directory ${staticPath} (web.static)`);
}

async function pack(
  source: string,
  file: string,
  stateDirectory: string,
): Promise<Pick<ReleaseArchive, 'release' | 'bytes'>> {
  const words = [
    ...['--create', '--file=-', `--directory=${source}`, '--format=gnu', '--sort=name', '--mtime=@0'],
    ...['--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX', '--hard-dereference'],
    ...[
      '--anchored',
      ...[...neverPart, ...within(source, stateDirectory)].map((path) => `--exclude=${path}`),
    ],
    ...(await ignoredBy(source)),
    '.',
  ];
  const child = spawn('tar', words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = new Promise<number>((done) => {
    child.once('error', () => done(127));
    child.once('close', (code) => done(code ?? 255));
  });
  const hash = createHash('sha256');
  let bytes = 0;
  const count = new Transform({
    transform(part: Buffer, _encoding, done) {
      hash.update(part);
      bytes += part.length;
      done(null, part);
    },
  });
  await pipeline(child.stdout, count, createGzip({ level: 1 }), createWriteStream(file, { mode: 0o600 }));
  const code = await ended;
  if (code !== 0) {
    throw new TandemError('release-unreadable', `${source} could not be read whole.`, {
      issues: said
        .trim()
        .split('\n')
        .slice(-5)
        .map((message) => ({ path: 'tar', message })),
      hint: 'Files that change while they are read make no release: run the command again when nothing writes there.',
    });
  }
  return { release: hash.digest('hex').slice(0, 16), bytes };
}

/** The state directory, when it lies in the application's: it holds secrets, and these archives. */
function within(source: string, stateDirectory: string): readonly string[] {
  const path = relative(source, stateDirectory);
  return path === '' || path.startsWith('..') ? [] : [`./${path}`];
}

async function ignoredBy(source: string): Promise<readonly string[]> {
  const file = join(source, ignoreFile);
  const there = await access(file).then(
    () => true,
    () => false,
  );
  return there ? ['--no-anchored', `--exclude-from=${file}`] : [];
}

/** A link that leaves the release leads to nothing, or to something else, on a host. */
async function checkLinks(source: string, file: string): Promise<void> {
  const { stdout } = await execute('tar', ['--list', '--verbose', `--file=${file}`]);
  const issues = stdout.split('\n').flatMap((line): readonly Issue[] => {
    const [, path, target] = /^l.{9} \S+ +\S+ \S+ \S+ \.\/(.*) -> (.*)$/.exec(line) ?? [];
    if (path === undefined || target === undefined || !leaves(path, target)) return [];
    return [{ path, message: `is a link to ${target}, which is no part of the release` }];
  });
  if (issues.length === 0) return;
  throw inputError(
    'bad-release',
    `${source} has links that lead out of it; nothing was changed.`,
    issues.slice(0, 20),
    `Put copies in their place, or name them in ${ignoreFile}.`,
  );
}

function leaves(path: string, target: string): boolean {
  const end = join(dirname(path), target);
  return target.startsWith('/') || end === '..' || end.startsWith('../');
}

function bad(source: string, message: string): TandemError {
  return inputError('bad-release', 'This is no release of the application; nothing was changed.', [
    { path: source, message },
  ]);
}

/** The archive's bytes, for a host. */
export function readArchive({ file }: Pick<ReleaseArchive, 'file'>): ReturnType<typeof createReadStream> {
  return createReadStream(file);
}
