/** What runs on this machine, read from /proc: identity, place, and cost of processes. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { namespaceOf } from './namespaces.ts';

export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks since boot; with the pid the identity of a process. */
  readonly startTicks: number;
  readonly arguments: readonly string[];
  /** Inode of the network namespace, as the kernel prints it. */
  readonly network: string;
  /** Ticks of processor time of the process and of the children that it has waited for. */
  readonly cpuTicks: number;
}

function fields(pid: number): { name: string; rest: readonly string[] } {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name is in parentheses and may hold spaces and parentheses itself.
  const end = text.lastIndexOf(')');
  return { name: text.slice(text.indexOf('(') + 1, end), rest: text.slice(end + 2).split(' ') };
}

/** Undefined when the process has ended, or is only waiting to be reaped. */
export function processOf(pid: number): Process | undefined {
  try {
    const { name, rest } = fields(pid);
    if (rest[0] === 'Z' || rest[0] === 'X') return undefined;
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
    const number = (index: number) => Number(rest[index]);
    return {
      pid,
      parent: number(1),
      startTicks: number(19),
      arguments: words.length > 0 ? words : [name],
      network: readlinkSync(`/proc/${pid}/ns/net`),
      cpuTicks: number(11) + number(12) + number(13) + number(14),
    };
  } catch {
    return undefined;
  }
}

export function processes(): readonly Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => processOf(Number(name)) ?? []);
}

/** Identity of a named network namespace, comparable with `Process.network`. */
export function networkIdentity(namespace: string): string {
  return `net:[${statSync(`/run/netns/${namespace}`).ino}]`;
}

/** Proportional set size in bytes: shared pages are counted by the share of each process. */
export function pssBytes(pid: number): number {
  try {
    const found = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
    return Number(found?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}

/** Seconds since the process began. */
export function ageSeconds(process: Process): number {
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  return uptime - process.startTicks / 100;
}

export interface HostProcess extends Process {
  /** Lab host whose network the process is in; '' for one that runs the lab from outside of the hosts. */
  readonly host: string;
}

/** Every process of a lab: those in its hosts' networks, and those that name its state directory or stack. */
export function labProcesses(
  stack: string,
  hosts: readonly string[],
  isKeeper: (process: Process) => boolean = () => false,
): readonly HostProcess[] {
  const byNetwork = new Map(hosts.map((host) => [networkIdentity(namespaceOf(stack, host)), host]));
  return processes().flatMap((process) => {
    const host = byNetwork.get(process.network);
    if (host !== undefined) return [{ ...process, host }];
    return isKeeper(process) ? [{ ...process, host: '' }] : [];
  });
}

export function sameProcess(left: Process, right: Process | undefined): boolean {
  return right !== undefined && left.pid === right.pid && left.startTicks === right.startTicks;
}

/** What a process is, for people: the program without its directory, and its words without the runtime's flags. */
export function label(process: Process): string {
  const [program = '', ...words] = process.arguments;
  const own = words.filter((word) => !word.startsWith('--disable-warning'));
  return [program.replace(/^\/\S*\/(?=\S+$)/, ''), ...own].join(' ').replace(/\s+/g, ' ').slice(0, 160);
}

/** A process and everything below it, by the kernel's own lists of children. */
export function descendants(pid: number): readonly number[] {
  let children: string;
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  } catch {
    return [];
  }
  return [
    pid,
    ...children
      .split(' ')
      .filter(Boolean)
      .flatMap((child) => descendants(Number(child))),
  ];
}

/** The command line without the title that nginx puts before it: equal before and after a restart. */
export function commandText(process: Process): string {
  return process.arguments.join(' ').replace(/^nginx: master process /, '');
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It ended by itself meanwhile: what the signal was for has happened.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
