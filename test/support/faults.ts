/** Faults of a lab's hosts, made with the machine's own tools, so that no part of Tandem has a say in them. */
import { namespaces, setCable } from './namespaces.ts';
import { labProcesses } from './processes.ts';

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
  const signal = fault === 'freeze' ? 'SIGSTOP' : 'SIGCONT';
  for (const { pid } of labProcesses(lab.stack.stack, [host])) process.kill(pid, signal);
}
