/**
 * A file beside the data directory that says whose data it is and how far it has come. Without it, or with another
 * stack's, the data is never touched. Who leads does not stand here: that is in etcd and in the replicated table.
 */
import { dirname, join } from 'node:path';
import { readFileIfThere, writeFileAtomic } from '#src/adapters/files/atomic.ts';

/**
 * - `creating`: this member makes a new database; what is there so far served nobody and may be thrown away.
 * - `cloned`: a copy of another member that was not started yet; `position` is where it goes on.
 * - `ready`: data of this stack, to be kept whatever happens.
 */
export interface DataMarker {
  readonly stackId: string;
  readonly state: 'creating' | 'cloned' | 'ready';
  readonly position?: string;
  /**
   * The position after a recovery that cut transactions off, for as long as nothing was applied since; empty while it
   * isn't known yet.
   */
  readonly truncatedAt?: string;
}

export function markerPath(dataDirectory: string): string {
  return join(dirname(dataDirectory), 'tandem-member.json');
}

/** `damaged` when there is one that can't be read: nobody's data, as far as we know. */
export async function readMarker(dataDirectory: string): Promise<DataMarker | 'damaged' | undefined> {
  const text = await readFileIfThere(markerPath(dataDirectory));
  if (text === undefined) return undefined;
  try {
    const found = JSON.parse(text) as DataMarker;
    const known = ['creating', 'cloned', 'ready'].includes(found.state);
    return typeof found.stackId === 'string' && known ? found : 'damaged';
  } catch {
    return 'damaged';
  }
}

export function writeMarker(dataDirectory: string, marker: DataMarker): Promise<void> {
  return writeFileAtomic(markerPath(dataDirectory), `${JSON.stringify(marker, null, 2)}\n`);
}
