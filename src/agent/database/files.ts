/** The data directory and what lies beside it. Only directories of the names given here are ever removed. */
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncDirectory, writeFileAtomic } from '#src/adapters/files/atomic.ts';
import { runChecked } from '#src/adapters/process/run.ts';

/** Unix user of Debian's MariaDB server. */
export const serverUser = 'mysql';

/**
 * `remnants`: something without which no server starts is missing. They stay behind when the directory of a running
 * server is emptied: it writes until it ends, and so does each later try to start one.
 */
export type DataPresence = 'absent' | 'remnants' | 'present';

/** The system tablespace and the table of privileges: without either a server ends before it serves anybody. */
const essentials = ['ibdata1', join('mysql', 'db.frm')];

export async function dataPresence(dataDirectory: string): Promise<DataPresence> {
  try {
    if ((await readdir(dataDirectory)).length === 0) return 'absent';
    for (const name of essentials) await access(join(dataDirectory, name));
    return 'present';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return (await isDirectory(dataDirectory)) ? 'remnants' : 'absent';
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

/** Moves remnants out of the way, for a person to look at; resolves to where they are. */
export async function setRemnantsAside(dataDirectory: string): Promise<string> {
  const place = await mkdtemp(`${dataDirectory}.remnants-`);
  // Renamed over the empty directory that holds the name.
  await rename(dataDirectory, place);
  await syncDirectory(dirname(dataDirectory));
  return place;
}

/** "10.11" of the server that wrote the data; undefined when the data does not say. */
export async function seriesOfData(dataDirectory: string): Promise<string | undefined> {
  for (const name of ['mariadb_upgrade_info', 'mysql_upgrade_info']) {
    const text = await readFile(join(dataDirectory, name), 'utf8').catch(() => undefined);
    if (text !== undefined) return seriesOf(text);
  }
  return undefined;
}

/** "10.11" of any text with a version such as 10.11.19-MariaDB. */
export function seriesOf(text: string): string | undefined {
  return /(\d+\.\d+)\.\d+/.exec(text)?.[1];
}

/** A fresh directory in which a new data directory is made. Leftovers of earlier tries are removed. */
export async function stagingDirectory(dataDirectory: string): Promise<string> {
  const parent = dirname(dataDirectory);
  await mkdir(parent, { recursive: true, mode: 0o755 });
  const prefix = `${basename(dataDirectory)}.new-`;
  for (const name of await readdir(parent)) {
    if (name.startsWith(prefix)) await rm(join(parent, name), { recursive: true, force: true });
  }
  return mkdtemp(join(parent, prefix));
}

/** Gives the staged directory to the server. All of it is on the disk before a name says that it is complete. */
export async function makeServers(staged: string): Promise<void> {
  await runChecked(['chown', '-R', `${serverUser}:${serverUser}`, staged]);
  await runChecked(['chmod', '0700', staged]);
  await runChecked(['sync', '--file-system', staged], { timeoutMs: 120_000 });
}

/** Puts a directory that is the server's where the server looks. The place must be free or empty. */
export async function putInPlace(staged: string, dataDirectory: string): Promise<void> {
  await rename(staged, dataDirectory);
  await syncDirectory(dirname(dataDirectory));
}

/**
 * What recovery does with transactions that wait for an acknowledgement: MASTER keeps them, SLAVE cuts them off, and
 * with them what was acknowledged but not flushed (docs/mariadb-behaviour.md).
 */
export type Recovery = 'MASTER' | 'SLAVE';

/** Role and identity of the server for its next start. */
export async function writeRoleFile(
  path: string,
  role: { readonly serverId: number; readonly recovery: Recovery },
): Promise<void> {
  const text = [
    '# Written by the Tandem agent before each start.',
    '[mariadbd]',
    `server-id = ${role.serverId}`,
    `init-rpl-role = ${role.recovery}`,
    '',
  ].join('\n');
  const current = await readFile(path, 'utf8').catch(() => undefined);
  if (current === text) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeFileAtomic(path, text, 0o644);
}
