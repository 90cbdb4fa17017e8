/** A disk of its own for a lab host's data, so that it can fill up or hang without the machine noticing. */
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostDirectories } from '#src/provision/lab/enter.ts';
import type { StackFile } from '#src/spec/schema.ts';
import { command, expectCommand } from '../command.ts';
import { Lab } from '../lab.ts';
import type { DatabaseFault } from './faults.ts';

const mebibytes = 1_024;

export class HostDisk {
  /** Where it is mounted: the host's /var/lib/tandem, as the machine sees it. */
  readonly path: string;
  readonly #image: string;

  private constructor(path: string, image: string) {
    this.path = path;
    this.#image = image;
  }

  /** For a lab that is described and not up yet. */
  static async mount(lab: Lab, host: string): Promise<HostDisk> {
    const state = join(lab.directory, '.tandem', lab.stack.stack);
    const disk = new HostDisk(hostDirectories(state, host).data, join(lab.directory, `${host}.disk`));
    await writeFile(disk.#image, '');
    await truncate(disk.#image, mebibytes * 1_024 * 1_024);
    // Nothing kept back for root: full is full for everybody.
    await expectCommand('mkfs.ext4', ['-q', '-m', '0', disk.#image]);
    await mkdir(disk.path, { recursive: true });
    await expectCommand('mount', ['-o', 'loop', disk.#image, disk.path]);
    await rm(join(disk.path, 'lost+found'), { recursive: true });
    return disk;
  }

  async fill(): Promise<void> {
    // It ends with "no space left", which is what it is for.
    await expectCommand('sh', ['-c', `cat /dev/zero >"$1/filler" 2>/dev/null || :`, 'sh', this.path]);
  }

  async free(): Promise<void> {
    await rm(join(this.path, 'filler'), { force: true });
  }

  /** Every write waits, until `thaw`. */
  async freeze(): Promise<void> {
    await expectCommand('fsfreeze', ['--freeze', this.path]);
  }

  async thaw(): Promise<void> {
    await expectCommand('fsfreeze', ['--unfreeze', this.path]);
  }

  /** For a lab that is down. */
  async unmount(): Promise<void> {
    // What a fault that failed half-way left frozen could never be unmounted.
    await command('fsfreeze', ['--unfreeze', this.path]);
    await expectCommand('umount', [this.path]);
    await rm(this.#image, { force: true });
  }
}

export type HostDisks = ReadonlyMap<string, HostDisk>;

/** Runs with a lab whose database hosts have disks of their own; taken down whatever happens. */
export async function withDisks<T>(
  stack: StackFile,
  work: (lab: Lab, disks: HostDisks) => Promise<T>,
): Promise<T> {
  const lab = await Lab.describe(stack);
  const disks = new Map<string, HostDisk>();
  try {
    for (const [host, { roles }] of Object.entries(stack.hosts)) {
      if (roles.includes('database')) disks.set(host, await HostDisk.mount(lab, host));
    }
    await lab.expect('up');
    return await work(lab, disks);
  } finally {
    for (const disk of disks.values()) await command('fsfreeze', ['--unfreeze', disk.path]);
    await lab.run('down');
    for (const disk of disks.values()) await disk.unmount();
    await lab.close();
  }
}

/** A fault of a disk; `on` makes it one of the lab with these disks. */
export interface DiskFault extends Pick<DatabaseFault, 'name' | 'limitMs'> {
  on(disks: HostDisks): DatabaseFault;
}

type Act = (disk: HostDisk | undefined) => Promise<void> | undefined;

function diskFault(name: string, inject: Act, heal: Act): DiskFault {
  const [limitMs, lastsMs] = [5_000, 8_000];
  return {
    name,
    limitMs,
    on: (disks) => ({
      name,
      limitMs,
      lastsMs,
      inject: async (_lab, host) => inject(disks.get(host)),
      heal: async (_lab, host) => heal(disks.get(host)),
    }),
  };
}

export const diskFaults: readonly DiskFault[] = [
  diskFault(
    'disk-full',
    (disk) => disk?.fill(),
    (disk) => disk?.free(),
  ),
  diskFault(
    'disk-hangs',
    (disk) => disk?.freeze(),
    (disk) => disk?.thaw(),
  ),
];
