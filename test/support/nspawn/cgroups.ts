/**
 * A control group of its own for each test host: systemd inside takes the one that it is started in for the root of its
 * own, and two hosts in one would wait for each other's processes.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { command } from '../command.ts';
import { sleep } from '../wait.ts';

const root = '/sys/fs/cgroup';

/** The hierarchies that systemd keeps units in; one when the machine has only cgroup2. */
async function hierarchies(): Promise<readonly string[]> {
  if (existsSync(join(root, 'cgroup.controllers'))) return [root];
  const names = await readdir(root);
  return names.filter((name) => name !== 'cpuset').map((name) => join(root, name));
}

/** The group that this process is in: test hosts get no larger share of the processors than who starts them. */
async function ownGroup(hierarchy: string): Promise<string> {
  const lines = (await readFile('/proc/self/cgroup', 'utf8')).split('\n').map((line) => line.split(':'));
  const own = lines.find(([, controllers]) => controllers?.split(',').includes(basename(hierarchy)));
  return join(hierarchy, own?.[2] ?? '/');
}

/** Their directories, one in each hierarchy. */
export async function createCgroups(name: string): Promise<readonly string[]> {
  const parents = (await hierarchies()).map((hierarchy) =>
    basename(hierarchy) === 'cpu' ? ownGroup(hierarchy) : hierarchy,
  );
  const places = (await Promise.all(parents)).map((parent) => join(parent, name));
  for (const place of places) {
    await mkdir(place, { recursive: true });
    // A group counts as one process among those beside it; a host has about ten that work.
    const shares = join(place, 'cpu.shares');
    if (existsSync(shares)) await writeFile(shares, '10240');
  }
  return places;
}

/** Shell: `sh -c SCRIPT sh "DIRECTORY..." PROGRAM WORD...` runs the program inside. */
export const enterCgroups = `for place in $1; do echo $$ >"$place/cgroup.procs"; done
shift
exec "$@"`;

/** With everything below, once nothing runs there any more; whoever made them. */
export async function removeCgroups(name: string): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const find = await command('find', [hierarchy, '-maxdepth', '4', '-type', 'd', '-name', name]);
    for (const place of find.stdout.split('\n').filter(Boolean)) await removeGroup(place);
  }
}

async function removeGroup(place: string): Promise<void> {
  // A process that was killed holds its group until the kernel is done with it.
  for (let attempt = 0; attempt < 50 && existsSync(place); attempt += 1) {
    if (attempt > 0) await sleep(100);
    await command('find', [place, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']);
  }
}
