/**
 * Labs of test runs that were killed: what a run can't clean up itself, the next one does, before it begins. Each lab's
 * directory names the process that made it; a lab whose maker is gone is taken down.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { readRecord, registryDirectory } from '#src/provision/lab/registry.ts';
import type { StackFile } from '#src/spec/schema.ts';
import { command } from './command.ts';
import { processOf } from './processes.ts';

const ownerName = 'owner';

function identity(pid: number): string | undefined {
  const found = processOf(pid);
  return found === undefined ? undefined : `${pid} ${found.startTicks}`;
}

/** Writes who made the lab in `directory`: this process. */
export async function own(directory: string): Promise<void> {
  await writeFile(join(directory, ownerName), identity(process.pid) ?? '');
}

function isOwned(directory: string): boolean {
  const path = join(directory, ownerName);
  if (!existsSync(path)) return false;
  const text = readFileSync(path, 'utf8');
  return identity(Number(text.split(' ')[0])) === text;
}

/** Takes down every lab below the directory for temporary files whose maker is gone; returns their names. */
export async function removeLeftovers(
  tandem: string,
  stackOf: (name: string, subnet: string) => StackFile,
): Promise<readonly string[]> {
  if (!existsSync(registryDirectory)) return [];
  const names = readdirSync(registryDirectory).map((file) => file.replace(/\.json$/, ''));
  const removed: string[] = [];
  for (const name of names) {
    const record = await readRecord(name);
    if (record === undefined) continue;
    // DIRECTORY/.tandem/NAME
    const directory = dirname(dirname(record.stateDirectory));
    if (!directory.startsWith(join(tmpdir(), 'tandem-')) || isOwned(directory)) continue;
    const file = join(directory, 'leftover.yaml');
    await mkdir(record.stateDirectory, { recursive: true });
    await writeFile(file, stringify(stackOf(name, record.subnet)));
    await command(tandem, ['down', '--file', file]);
    await unmountBelow(directory);
    const { code, stderr } = await command(tandem, ['down', '--purge', '--yes', '--file', file]);
    // Two runs that begin at once may both be at it; what counts is that it is gone.
    if (code !== 0 && (await readRecord(name)) !== undefined) {
      throw new Error(`The lab ${name} of an earlier run can't be taken down: ${stderr}`);
    }
    await rm(directory, { recursive: true, force: true });
    removed.push(name);
  }
  return removed;
}

/** Disks of a test's own (ledger/disk.ts), perhaps frozen: nothing below a mount may be removed. */
async function unmountBelow(directory: string): Promise<void> {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const below = mounts
    .flatMap((line) => line.split(' ')[1] ?? [])
    .filter((path) => path.startsWith(directory));
  for (const path of below.toReversed()) {
    await command('fsfreeze', ['--unfreeze', path]);
    await command('umount', [path]);
  }
}
