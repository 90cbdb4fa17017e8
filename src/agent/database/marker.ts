/**
 * A file beside the data directory that says whose data it is and how far it has come. Without it, or with another
 * stack's, the data is never touched.
 */
import { dirname, join } from 'node:path';
import { readFileIfThere, writeFileAtomic } from '#src/adapters/files/atomic.ts';

/**
 * - `creating`: this member makes a new database; what is there so far served nobody and may be thrown away.
 * - `cloned`: a copy of the primary that was not attached yet; `position` is where it goes on.
 * - `ready`: data of this stack, to be kept whatever happens.
 */
export interface DataMarker {
  readonly stackId: string;
  readonly state: 'creating' | 'cloned' | 'ready';
  /** Name of the member that leads. */
  readonly primary: string;
  readonly position?: string;
  /** On the primary: commits waited for a replica's acknowledgement when last seen. */
  readonly synced?: boolean;
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
    return typeof found.stackId === 'string' && typeof found.primary === 'string' && known
      ? found
      : 'damaged';
  } catch {
    return 'damaged';
  }
}

export function writeMarker(dataDirectory: string, marker: DataMarker): Promise<void> {
  return writeFileAtomic(markerPath(dataDirectory), `${JSON.stringify(marker, null, 2)}\n`);
}
