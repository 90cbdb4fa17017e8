/** The processes of a service, and their end. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { allProcesses, networkOf, type ProcessEntry, signal } from '#src/adapters/process/table.ts';

/** Variable by which every process of a service is known, whatever session it moved to. */
export const serviceVariable = 'TANDEM_SERVICE';

function hasMark(pid: number, mark: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${mark}\0`);
  } catch {
    return false;
  }
}

/**
 * Living processes of a service on this host: members of the session that its main process led, and those that carry its
 * mark. A session's number is not used for another process as long as a member lives.
 */
export function serviceProcesses(service: string, session: number | null): readonly ProcessEntry[] {
  const network = networkOf('self');
  return allProcesses().filter(
    (entry) =>
      entry.pid !== process.pid &&
      networkOf(entry.pid) === network &&
      ((session !== null && entry.session === session) ||
        hasMark(entry.pid, `${serviceVariable}=${service}`)),
  );
}

/** SIGKILLs what is left of a service until nothing is (a process may fork while it is hunted). */
export async function killLeftovers(service: string, session: number | null): Promise<number> {
  let killed = 0;
  for (let round = 0; round < 50; round += 1) {
    const left = serviceProcesses(service, session);
    if (left.length === 0) return killed;
    for (const { pid } of left) if (signal(pid, 'SIGKILL')) killed += 1;
    await sleep(5 + round);
  }
  return killed;
}
