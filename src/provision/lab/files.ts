/** A host's files, from the machine: the state directory holds what the host sees below /etc/tandem and its kind. */
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256 } from '#src/adapters/sha256.ts';
import { fileIdentity } from '#src/plan/observed.ts';
import type { RenderedFile, ServiceDirectory } from '#src/render/service.ts';
import { hostPaths } from '#src/topology/paths.ts';
import type { HostDirectories } from './enter.ts';
import { findAccount, userName } from './supervisor/accounts.ts';

const temporaryMark = '.tandem-new-';

/** `fileIdentity` by absolute path on the host, of every file below `directory`, which the host sees as /etc/tandem. */
export async function observeFiles(directory: string): Promise<Readonly<Record<string, string>>> {
  const passwd = await readFile('/etc/passwd', 'utf8');
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => !entry.isDirectory() && !entry.name.includes(temporaryMark));
  const hashed = await Promise.all(
    files.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const [content, { mode, uid }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
      const file = { content, mode: mode & 0o7777, owner: userName(uid, passwd) };
      return [join(hostPaths.config, path.slice(directory.length)), fileIdentity(file, sha256)] as const;
    }),
  );
  return Object.fromEntries(hashed);
}

/** Where the machine has what the host sees at `path`; undefined for a path that is not one of the host's own. */
export function outsidePath(directories: HostDirectories, path: string): string | undefined {
  const names = ['config', 'data', 'run', 'logs'] as const;
  const name = names.find((each) => path === hostPaths[each] || path.startsWith(`${hostPaths[each]}/`));
  return name === undefined ? undefined : join(directories[name], path.slice(hostPaths[name].length));
}

/** Writes `files` below `directory` (the host's /etc/tandem): each is the old or the new one, never half of it. */
export async function writeFiles(directory: string, files: readonly RenderedFile[]): Promise<void> {
  await Promise.all(files.map((file) => writeRendered(join(directory, relativePath(file.path)), file)));
}

function relativePath(path: string): string {
  if (!path.startsWith(`${hostPaths.config}/`)) throw new Error(`${path} is not below ${hostPaths.config}`);
  return path.slice(hostPaths.config.length + 1);
}

async function writeRendered(path: string, { content, mode, owner }: RenderedFile): Promise<void> {
  const { uid, gid } = findAccount(owner);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const temporary = `${path}${temporaryMark}${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.chown(uid, gid);
      await file.chmod(mode);
      await file.writeFile(content);
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Removes files and the directories that they leave empty, and what interrupted writes left behind. */
export async function removeFiles(directory: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const outside = join(directory, relativePath(path));
    await rm(outside, { force: true });
    await pruneEmpty(directory, dirname(outside));
  }
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (entry.name.includes(temporaryMark)) await rm(join(entry.parentPath, entry.name), { force: true });
  }
}

async function pruneEmpty(root: string, directory: string): Promise<void> {
  if (directory.length <= root.length) return;
  try {
    await rmdir(directory);
  } catch {
    // Something else is in it.
    return;
  }
  await pruneEmpty(root, dirname(directory));
}

/** Makes directories that services need, where they are missing; those that are there stay as they are. */
export async function ensureServiceDirectories(
  directories: HostDirectories,
  wanted: readonly ServiceDirectory[],
): Promise<void> {
  for (const { path, mode, owner } of wanted) {
    const outside = outsidePath(directories, path);
    if (outside === undefined || (await stat(outside).catch(() => undefined)) !== undefined) continue;
    const { uid, gid } = findAccount(owner);
    await mkdir(outside, { recursive: true });
    await chmod(outside, mode);
    await chown(outside, uid, gid);
  }
}
