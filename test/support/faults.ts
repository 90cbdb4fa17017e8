/** Faults of a lab's hosts, made with the machine's own tools, so that no part of Tandem has a say in them. */
import { expectCommand } from './command.ts';
import { namespaces, setCable } from './namespaces.ts';
import { labProcesses, signal } from './processes.ts';
import { sleep } from './wait.ts';

export type Fault = 'link-down' | 'link-up' | 'freeze' | 'thaw';

interface Target {
  readonly hosts: readonly string[];
  readonly stack: { readonly stack: string };
  namespace(host: string): string;
}

export async function injectFault(lab: Target, fault: Fault, host: string): Promise<void> {
  const namespace = lab.namespace(host);
  if (!(await namespaces()).includes(namespace)) throw new Error(`there is no namespace ${namespace}`);
  if (fault === 'link-down' || fault === 'link-up') {
    await setCable(namespace, fault === 'link-up' ? 'up' : 'down');
    return;
  }
  const name = fault === 'freeze' ? 'SIGSTOP' : 'SIGCONT';
  for (const { pid } of labProcesses(lab.stack.stack, [host])) signal(pid, name);
}

/**
 * Power off: every process of the host ends at once and its network is gone, so that nothing of it is left in memory.
 * What it had on disk stays.
 */
export async function powerOff(lab: Target, host: string): Promise<void> {
  const namespace = lab.namespace(host);
  // The kernel of a host without power sends nothing either, not even what its processes had given to it.
  await setCable(namespace, 'down');
  // Until nobody is left to start anybody again.
  for (let left = labProcesses(lab.stack.stack, [host]); left.length > 0; ) {
    for (const { pid } of left) signal(pid, 'SIGKILL');
    await sleep(20);
    left = labProcesses(lab.stack.stack, [host]);
  }
  await expectCommand('ip', ['netns', 'delete', namespace]);
}
