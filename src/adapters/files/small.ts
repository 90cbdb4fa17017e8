/**
 * Many small files, one after the other: each way through the thread pool (open, look, read, close) costs several times
 * the reading itself, and a stack has four such files a host.
 */
import { closeSync, fchmodSync, fstatSync, openSync, readFileSync } from 'node:fs';

/** The file's text, or undefined when there is no such file. Other errors are thrown. */
export function readSmallFile(path: string): string | undefined {
  return withFile(path, (file) => readFileSync(file, 'utf8'));
}

/** As `readSmallFile`, of a file that is nobody else's business: should it be readable to others, it no longer is. */
export function readSecret(path: string): string | undefined {
  return withFile(path, (file) => {
    if ((fstatSync(file).mode & 0o777) !== 0o600) fchmodSync(file, 0o600);
    return readFileSync(file, 'utf8');
  });
}

function withFile<Result>(path: string, read: (file: number) => Result): Result | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return read(file);
  } finally {
    closeSync(file);
  }
}
