/** Logs of a host: rotation by copy and truncate (the writers keep their files open), and the last lines of one. */
import {
  closeSync,
  copyFileSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';

export interface RotationPolicy {
  readonly maxBytes: number;
  /** Old files kept, `.1` the newest. */
  readonly keep: number;
}

export const defaultRotation: RotationPolicy = { maxBytes: 10 * 1_048_576, keep: 3 };

/** Rotates every `*.log` of the directory that is too big. Lines written between copy and truncation are lost. */
export function rotateLogs(directory: string, policy: RotationPolicy): readonly string[] {
  const rotated: string[] = [];
  for (const name of readdirSync(directory)) {
    if (!name.endsWith('.log')) continue;
    const path = join(directory, name);
    try {
      if (statSync(path).size < policy.maxBytes) continue;
      rotate(path, policy.keep);
      rotated.push(name);
    } catch {
      // Removed meanwhile, or the disk is full: the next round tries again.
    }
  }
  return rotated;
}

function rotate(path: string, keep: number): void {
  rmSync(`${path}.${keep}`, { force: true });
  for (let number = keep - 1; number >= 1; number -= 1) {
    try {
      renameSync(`${path}.${number}`, `${path}.${number + 1}`);
    } catch {
      // There are fewer old files than may be kept.
    }
  }
  copyFileSync(path, `${path}.1`);
  truncateSync(path, 0);
}

/** The last `count` lines, read from the file's last 8 KiB. */
export function lastLines(path: string, count: number): readonly string[] {
  try {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      const buffer = Buffer.alloc(Math.min(size, 8_192));
      readSync(file, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8').split('\n').filter(Boolean).slice(-count);
    } finally {
      closeSync(file);
    }
  } catch {
    return [];
  }
}
