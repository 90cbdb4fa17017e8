/**
 * One `up` or `down` of a stack at a time on this machine. The lock is a file that names its holder by process id and
 * start time, so that one left behind by a killed process is recognised and taken over.
 */
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TandemError } from '#src/std/errors.ts';

interface Holder {
  readonly pid: number;
  readonly startTicks: string;
  readonly command: string;
}

/** Field 22 of /proc/PID/stat (proc(5)): start time in clock ticks since boot; undefined when there is no process. */
async function startTicks(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch {
    return undefined;
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
  const own: Holder = { pid: process.pid, startTicks: (await startTicks(process.pid)) ?? '', command };
  await acquire(path, own);
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function acquire(path: string, own: Holder): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const file = await open(path, 'wx', 0o600);
      await file.writeFile(JSON.stringify(own));
      await file.close();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readHolder(path);
    if (holder !== undefined && (await isAlive(holder))) throw busy(holder);
    await takeOver(path, own);
    const now = await readHolder(path);
    if (now?.pid === own.pid && now.startTicks === own.startTicks) return;
  }
  throw busy(undefined);
}

/** Of several commands that find the same dead holder, the last rename wins and the others see that on reading back. */
async function takeOver(path: string, own: Holder): Promise<void> {
  const mine = `${path}.${own.pid}`;
  await writeFile(mine, JSON.stringify(own), { mode: 0o600 });
  await rename(mine, path);
  await new Promise((resolve) => setTimeout(resolve, 20));
}

function busy(holder: Holder | undefined): TandemError {
  const who = holder === undefined ? 'another command' : `'tandem ${holder.command}' (process ${holder.pid})`;
  return new TandemError('stack-busy', `${who} is working on this stack.`, {
    hint: 'Wait until it has ended, then run the command again.',
  });
}
