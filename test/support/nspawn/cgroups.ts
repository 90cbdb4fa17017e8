/**
 * A control group of its own for each test host: systemd inside takes the one that it is started in for the root of its
 * own, and two hosts in one would wait for each other's processes.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { command } from '../command.ts';
import { sleep } from '../wait.ts';

const root = '/sys/fs/cgroup';

/** The hierarchies that systemd keeps units in; one when the machine has only cgroup2. */
async function hierarchies(): Promise<readonly string[]> {
  if (existsSync(join(root, 'cgroup.controllers'))) return [root];
  const names = await readdir(root);
  return names.filter((name) => name !== 'cpuset').map((name) => join(root, name));
}

export async function createCgroups(name: string): Promise<void> {
  for (const hierarchy of await hierarchies()) await mkdir(join(hierarchy, name), { recursive: true });
}

/** Shell: `sh -c SCRIPT sh NAME PROGRAM WORD...` runs the program inside. */
export const enterCgroups = `for place in ${root}/*/"$1" ${root}/"$1"; do
  [ -d "$place" ] && echo $$ >"$place/cgroup.procs"
done
shift
exec "$@"`;

/** With everything below, once nothing runs there any more. */
export async function removeCgroups(name: string): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const place = join(hierarchy, name);
    // A process that was killed holds its group until the kernel is done with it.
    for (let attempt = 0; attempt < 50 && existsSync(place); attempt += 1) {
      if (attempt > 0) await sleep(100);
      await command('find', [place, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']);
    }
  }
}
