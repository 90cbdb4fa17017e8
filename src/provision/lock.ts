/**
 * One `up` or `down` of a stack at a time on this machine. The lock is a file that names its holder by process id and
 * start time, so that one left behind by a killed process is recognised and taken over.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfThere, writeFileAtomic } from '#src/adapters/files/atomic.ts';
import { parseStat } from '#src/adapters/process/table.ts';
import { TandemError } from '#src/std/errors.ts';

interface Holder {
  /** No two locks have the same one. */
  readonly id: string;
  readonly pid: number;
  readonly startTicks: string;
  readonly command: string;
}

/** Undefined when there is no process. One that can't be looked at is an error: its lock must not be taken over. */
async function startTicks(pid: number): Promise<string | undefined> {
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, 'latin1'))?.startTicks;
  } catch (error) {
    // ESRCH: it ended between the two.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Undefined when nobody holds it. */
async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await readFileIfThere(path);
  if (text === undefined) return undefined;
  try {
    const { id, ...holder } = JSON.parse(text) as Omit<Holder, 'id'> & { readonly id?: string };
    // Locks of an earlier version have none.
    return { ...holder, id: id ?? `${holder.pid}-${holder.startTicks}` };
  } catch {
    throw unreadable(path);
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  return (await startTicks(holder.pid)) === holder.startTicks;
}

/** Runs `work` under the stack's lock; rejects at once when another command holds it. */
export async function withStackLock<T>(
  stateDirectory: string,
  command: string,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
  const path = join(stateDirectory, 'lock.json');
  const id = randomBytes(8).toString('hex');
  const own: Holder = { id, pid: process.pid, startTicks: (await startTicks(process.pid)) ?? '', command };
  await acquire(path, own);
  try {
    return await work();
  } finally {
    await release(path, own);
  }
}

async function acquire(path: string, own: Holder): Promise<void> {
  while (!(await create(path, own))) {
    const holder = await readHolder(path);
    if (holder === undefined) continue;
    if (await isAlive(holder)) throw busy(holder);
    await removeDead(path, holder, own);
  }
}

/** False when there is one. It appears whole, under a name that only one can give. */
async function create(path: string, own: Holder): Promise<boolean> {
  const written = `${path}.${own.id}.new`;
  await writeFileAtomic(written, JSON.stringify(own));
  try {
    await link(written, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(written, { force: true });
  }
}

/**
 * Of several commands that find the same dead holder one removes its lock: there is a lock for that, with the holder's
 * id in its name. Under it nobody else can have put a newer lock in the place of the one that is removed.
 */
async function removeDead(path: string, dead: Holder, own: Holder): Promise<void> {
  const removal = `${path}.${dead.id}`;
  await acquire(removal, own);
  try {
    await release(path, dead);
  } finally {
    await release(removal, own);
  }
}

/** Whoever removed it by hand may have let in another: that one's is left alone. */
async function release(path: string, holder: Holder): Promise<void> {
  if ((await readHolder(path))?.id === holder.id) await rm(path, { force: true });
}

function busy(holder: Holder): TandemError {
  return new TandemError(
    'stack-busy',
    `'tandem ${holder.command}' (process ${holder.pid}) is working on this stack.`,
    { hint: 'Wait until it has ended, then run the command again.' },
  );
}

function unreadable(path: string): TandemError {
  return new TandemError('stack-busy', `The lock of this stack says nothing of who has it: ${path}`, {
    hint: 'When no other command works on the stack, remove that file; then run the command again.',
  });
}
