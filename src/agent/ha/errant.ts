/**
 * Saves transactions that the recorded epoch doesn't contain, as SQL that the `mariadb` program reads, before this
 * member is rewound or copied anew. Works on the files, with the server up or down.
 */
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory } from '#src/adapters/files/atomic.ts';
import { listBinlogs } from '#src/adapters/mariadb/binlog.ts';
import { run } from '#src/adapters/process/run.ts';
import { type Position, printPosition } from '#src/gtid/position.ts';
import type { DatabaseMember } from '../database/member.ts';
import { relayFiles } from './relay-log.ts';

const readTimeoutMs = 30 * 60_000;

/** Directory beside the data. */
export function errantDirectory(dataDirectory: string): string {
  return join(dirname(dataDirectory), 'errant');
}

/** Paths of what was saved; none when there was nothing beyond `start`. Rejects when a file can't be read. */
export async function saveErrant(
  member: DatabaseMember,
  start: Position,
  epoch: number,
): Promise<readonly string[]> {
  const { dataDirectory } = member.config;
  const directory = errantDirectory(dataDirectory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const binlogs = await listBinlogs(join(dataDirectory, 'binlog.index'), dataDirectory);
  const sources = {
    binlog: binlogs.map(({ name }) => name),
    relay: await relayFiles(dataDirectory),
  };
  const saved: string[] = [];
  for (const [kind, names] of Object.entries(sources)) {
    if (names.length === 0) continue;
    const path = join(directory, `${stamp}-before-epoch-${epoch}-${kind}.sql`);
    const files = names.map((name) => join(dataDirectory, name));
    if (await dump(files, start, path)) saved.push(path);
  }
  await syncDirectory(directory);
  return saved;
}

/** Whether the file holds a transaction; one that doesn't is removed. */
async function dump(files: readonly string[], start: Position, path: string): Promise<boolean> {
  const from = start.length === 0 ? [] : [`--start-position=${printPosition(start)}`];
  const options = ['--no-defaults', '--verbose', `--result-file=${path}`];
  let result = await run(['mariadb-binlog', ...options, ...from, ...files], { timeoutMs: readTimeoutMs });
  // The files may begin after `start`: then all of what is there is saved.
  if (result.code !== 0) {
    const all = await run(['mariadb-binlog', ...options, ...files], { timeoutMs: readTimeoutMs });
    if (all.code !== 0)
      throw new Error(`mariadb-binlog can't read the logs: ${all.stderr.trim().slice(-300)}`);
    result = all;
  }
  if (await holdsTransaction(path)) {
    await run(['sync', path], { timeoutMs: 60_000 });
    return true;
  }
  await rm(path, { force: true });
  return false;
}

const headBytes = 256 * 1024;

async function holdsTransaction(path: string): Promise<boolean> {
  if ((await stat(path)).size > headBytes) return true;
  return /\bGTID \d+-\d+-\d+/.test(await readFile(path, 'utf8'));
}
