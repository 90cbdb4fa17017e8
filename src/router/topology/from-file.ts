/**
 * The topology from a JSON file that holds a `TopologyView`: for tests and benchmarks, and for running a router by
 * hand. Read again when it changes; what can't be read leaves the last knowledge as it is.
 */
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import type { RouterLog } from '../session/host.ts';
import { StaticTopology, type TopologyView } from './topology.ts';

export class FileTopology extends StaticTopology {
  readonly #file: string;

  /** Throws when the file can't be read at the start. */
  constructor(file: string, log: RouterLog, intervalMs = 200) {
    super(read(file));
    this.#file = file;
    watchFile(file, { interval: intervalMs, persistent: false }, () => {
      try {
        this.set(read(file));
      } catch (error) {
        log.warn(`${file}: ${(error as Error).message}; the members stay as they were`);
      }
    });
  }

  close(): void {
    unwatchFile(this.#file);
  }
}

function read(file: string): TopologyView {
  const { primary, epoch, members } = JSON.parse(readFileSync(file, 'utf8')) as {
    primary?: string;
    epoch: number;
    members: TopologyView['members'];
  };
  if (!Number.isSafeInteger(epoch) || !Array.isArray(members)) {
    throw new Error('needs "epoch" (a number) and "members" (a list)');
  }
  for (const member of members) {
    if (member.historyEpoch === undefined) throw new Error(`${member.name} needs "historyEpoch"`);
  }
  return { primary: members.find(({ name }) => name === primary), epoch, members };
}
