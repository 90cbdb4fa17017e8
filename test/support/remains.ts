/** What a lab can leave on a machine: namespaces, links, mounts, firewall rules, processes, control groups, files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expectCommand } from './command.ts';
import { links, namespaces } from './namespaces.ts';
import { networkIdentity, type Process, processes, processOf } from './processes.ts';

export type Remains = Readonly<
  Record<'namespaces' | 'links' | 'mounts' | 'rules' | 'processes' | 'files', readonly string[]>
>;

function entries(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory).map((name) => `${directory}/${name}`) : [];
}

/** Mounts of every mount namespace on the machine: one that lives on in a process is left over as well. */
function mounts(): readonly string[] {
  const found = new Set<string>();
  for (const { pid } of processes()) {
    try {
      for (const line of readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n')) {
        const [, , , root, point] = line.split(' ');
        if (point !== undefined) found.add(`${root} on ${point}`);
      }
    } catch {
      // It ended meanwhile.
    }
  }
  return [...found];
}

async function rules(): Promise<readonly string[]> {
  // Counters differ from one look to the next; what stays are the lines.
  const text = await expectCommand('nft', ['-s', 'list', 'ruleset']);
  return text.split('\n').map((line) => line.trim());
}

/** A process in a network without a name has outlived its host. */
function place(process: Process, named: ReadonlySet<string>): string {
  if (process.network === processOf(globalThis.process.pid)?.network) return 'machine';
  return named.has(process.network) ? 'host' : orphan;
}

const orphan = 'orphan';

export async function remains(): Promise<Remains> {
  const names = await namespaces();
  const named = new Set(names.map(networkIdentity));
  return {
    namespaces: names,
    links: (await links()).map(({ ifname }) => ifname),
    mounts: mounts(),
    rules: await rules(),
    processes: processes()
      .filter(({ pid, parent }) => pid !== 2 && parent !== 2)
      .map((process) => `${process.pid} ${place(process, named)} ${process.arguments.join(' ')}`),
    files: ['/run/netns', '/run/tandem', '/run/tandem-labs', '/var/lib/tandem'].flatMap(entries),
  };
}

/** What is there now and was not before; of processes those that name the lab or have outlived a host. */
export function leftOver(before: Remains, after: Remains, stack: string): readonly string[] {
  return Object.entries(after).flatMap(([kind, now]) => {
    const was = new Set(before[kind as keyof Remains]);
    return now
      .filter((item) => !was.has(item))
      .filter((item) => kind !== 'processes' || item.includes(stack) || item.includes(` ${orphan} `))
      .map((item) => `${kind}: ${item}`);
  });
}
