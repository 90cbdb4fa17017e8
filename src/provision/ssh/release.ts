/**
 * What `up` ships to servers: Tandem's code, the npm packages and the Node.js that it runs on. Each is a layer under the
 * hash of its content, so that only what changed is sent, and what is there stays. The application has releases of its
 * own (../application).
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, open, readdir, readFile, readlink, rename, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { sha256 } from '#src/adapters/sha256.ts';
import { dashboardAssets } from '#src/render/dashboard.ts';
import type { ReleaseName } from '#src/render/service.ts';
import { TandemError } from '#src/std/errors.ts';
import type { ReleaseHashes } from '../infrastructure.ts';

/** A directory on the server, /opt/tandem/releases/NAME, with some of the files of one here. */
export interface Layer {
  /** `code-0123456789abcdef`. */
  readonly name: string;
  readonly directory: string;
  /** Files and symbolic links, relative to `directory`. */
  readonly files: readonly string[];
  /** Symbolic links of the layer's own: path → target. */
  readonly links: Readonly<Record<string, string>>;
}

export interface Release {
  /** In the order in which they are shipped: what others link to comes first. */
  readonly layers: readonly Layer[];
  /** Layer that is shown as /opt/tandem/NAME. */
  readonly shown: Readonly<Partial<Record<Exclude<ReleaseName, 'runtime'>, string>>>;
  readonly hashes: ReleaseHashes;
}

/** Root of Tandem's own repository. */
const repository = resolve(import.meta.dirname, '../../..');
const hashLength = 16;

/** The release of this clone of Tandem. */
export async function describeRelease(): Promise<Release> {
  const layers = await ownLayers();
  const [runtime, , code] = layers;
  const shown = { code: code?.name ?? '' };
  return { layers, shown, hashes: { ...shown, runtime: runtime?.name ?? '' } };
}

/** What runs on the operator's machine alone: a change of it is none of the servers'. */
const operatorsOnly = /^src\/(?:cli\/|provision\/|bin\/(?:tandem|supervisor)\.ts$)/;

/** Runtime, packages, code: each names the one before it. */
async function ownLayers(): Promise<readonly Layer[]> {
  const lock = JSON.parse(await readFile(join(repository, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version?: string; integrity?: string; dev?: boolean }>;
  };
  const node = `node-linux-${process.arch}`;
  const runtimeEntry = lock.packages[`node_modules/${node}`];
  const runtime: Layer = {
    name: `runtime-${hash(JSON.stringify([node, runtimeEntry?.version, runtimeEntry?.integrity]))}`,
    directory: join(repository, 'node_modules', node),
    files: ['bin/node'],
    links: {},
  };
  const packages = Object.entries(lock.packages).filter(
    ([path, entry]) => path !== '' && entry.dev !== true && !path.includes('/node-linux-'),
  );
  const modules: Layer = {
    name: `modules-${hash(JSON.stringify([runtime.name, packages.map(([path, { version, integrity }]) => [path, version, integrity])]))}`,
    directory: repository,
    files: packages
      .map(([path]) => path)
      .filter((path) => !/\/node_modules\/.*\/node_modules\//.test(`/${path}`)),
    links: { [`node_modules/${node}`]: `../../${runtime.name}` },
  };
  const sources = (await listFiles(repository, 'src')).filter((file) => !operatorsOnly.test(file));
  const page = await listFiles(repository, dashboardAssets);
  const files = ['package.json', 'scripts/node.sh', ...sources, ...page];
  const code: Layer = {
    name: `code-${hash(`${modules.name} ${await hashFiles(repository, files)}`)}`,
    directory: repository,
    files,
    links: { node_modules: `../${modules.name}/node_modules` },
  };
  return [runtime, modules, code];
}

async function listFiles(root: string, directory: string): Promise<readonly string[]> {
  const entries = await readdir(join(root, directory), { withFileTypes: true });
  const lists = entries.map(async (entry) => {
    const path = relative(root, join(entry.parentPath, entry.name));
    if (entry.isDirectory()) return listFiles(root, path);
    return entry.isFile() || entry.isSymbolicLink() ? [path] : [];
  });
  return (await Promise.all(lists)).flat().sort();
}

/** Over paths, contents, targets of links, and whether a file is executable. */
async function hashFiles(root: string, files: readonly string[]): Promise<string> {
  const digest = createHash('sha256');
  for (const file of files) {
    const path = join(root, file);
    const found = await lstat(path);
    const kind = found.isSymbolicLink() ? 'link' : (found.mode & 0o100) === 0 ? 'file' : 'program';
    digest.update(`${kind} ${found.isSymbolicLink() ? 0 : found.size} ${file}\n`);
    if (found.isSymbolicLink()) digest.update(await readlink(path));
    else for await (const part of createReadStream(path)) digest.update(part as Buffer);
  }
  return digest.digest('hex').slice(0, hashLength);
}

function hash(text: string): string {
  return sha256(text).slice(0, hashLength);
}

/** The layer as a compressed archive in `directory`; made once. Resolves to its path. */
export async function packLayer(layer: Layer, directory: string): Promise<string> {
  const path = join(directory, `${layer.name}.tar.gz`);
  if ((await lstat(path).catch(() => undefined)) !== undefined) return path;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}`;
  // Readable by the services' users, whatever this machine's umask is; the same content gives the same archive.
  const form = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=a+rX,go-w'];
  const tar = spawn('tar', [...form, '-C', layer.directory, '-cf', '-', '--null', '-T', '-'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  tar.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  tar.stdin.on('error', () => undefined);
  tar.stdin.end(layer.files.join('\0'));
  const ended = new Promise<number>((done) => {
    tar.once('error', () => done(127));
    tar.once('close', (code) => done(code ?? 255));
  });
  await pipeline(tar.stdout, createGzip({ level: 6 }), createWriteStream(temporary, { mode: 0o600 }));
  if ((await ended) !== 0) {
    await rm(temporary, { force: true });
    throw new TandemError('pack-failed', `tar could not pack ${layer.directory}: ${said.trim()}`, {
      hint: 'Check that every file of it can be read, and the free space.',
    });
  }
  const file = await open(temporary);
  await file.sync();
  await file.close();
  await rename(temporary, path);
  return path;
}
