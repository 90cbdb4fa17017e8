/** The file systems that Tandem writes to on this host. */
import { stat, statfs } from 'node:fs/promises';

export interface Disk {
  readonly path: string;
  readonly sizeBytes: number;
  /** For others than root. */
  readonly availableBytes: number;
}

/** Each file system once, by the first of `paths` that is on it; paths that are not there yet are left out. */
export async function disks(paths: readonly string[]): Promise<readonly Disk[]> {
  const found = new Map<number, Disk>();
  for (const path of paths) {
    try {
      const { dev } = await stat(path);
      if (found.has(dev)) continue;
      const { blocks, bsize, bavail } = await statfs(path);
      found.set(dev, { path, sizeBytes: blocks * bsize, availableBytes: bavail * bsize });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return [...found.values()];
}
