/**
 * What apt does to a program that runs, for one host of a lab and without touching this machine's packages: the service is
 * started from a copy that lies over the program in the host's mount namespace, then the copy is gone.
 */
import type { Lab } from './lab.ts';
import { waitFor } from './wait.ts';

const copyOf = (program: string) => `/run/tandem/copy-of-${program.replaceAll('/', '-')}`;

async function inside(lab: Lab, host: string, script: string, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await lab.exec(host, 'sh', '-euc', script, 'sh', ...words);
  if (code !== 0) throw new Error(`${host}: ${script} ended with ${code}: ${stderr}`);
  return stdout.trim();
}

/** From now on the program is a copy; what is started now runs it. */
export async function layCopyOver(lab: Lab, host: string, program: string): Promise<void> {
  await inside(lab, host, 'cp "$1" "$2"; mount --bind "$2" "$1"', program, copyOf(program));
}

/** The copy is gone, and the program is what it was: whatever runs the copy runs what is no longer on the disk. */
export async function takeCopyAway(lab: Lab, host: string, program: string): Promise<void> {
  await inside(lab, host, 'umount -l "$1"; rm "$2"', program, copyOf(program));
}

/** Whether the service's main process runs a program that is gone. */
export async function runsDeleted(lab: Lab, host: string, service: string): Promise<boolean> {
  const link = `/proc/${await lab.pid(host, service)}/exe`;
  return (await inside(lab, host, 'readlink "$1"', link)).endsWith(' (deleted)');
}

/** Ends the service's main process and waits until it runs again, and the stack is healthy. */
export async function restartByForce(lab: Lab, host: string, service: string): Promise<void> {
  const before = await lab.pid(host, service);
  await lab.signalService(host, service, 'SIGKILL');
  await waitFor(
    `${service} on ${host} to be back`,
    async () => (await lab.pid(host, service)) !== before,
    60_000,
  );
  await lab.healthy(120_000);
}
