/** Processes as the kernel shows them in /proc: identity, session, end. Everything here is synchronous and cheap. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface ProcessEntry {
  readonly pid: number;
  /** proc(5) state: 'Z' and 'X' are dead. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks since boot; with the pid the identity of a process, because pids are used again. */
  readonly startTicks: string;
}

/** Fields of /proc/PID/stat (proc(5)); the program's name may hold spaces and parentheses. Undefined for nonsense. */
export function parseStat(text: string): ProcessEntry | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const startTicks = fields[19];
  if (startTicks === undefined) return undefined;
  return {
    pid: Number.parseInt(text, 10),
    state: fields[0] ?? 'X',
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTicks,
  };
}

/** Undefined when there is no such process, or it is dead and only waits to be reaped. */
export function processEntry(pid: number): ProcessEntry | undefined {
  try {
    const entry = parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return entry === undefined || entry.state === 'Z' || entry.state === 'X' ? undefined : entry;
  } catch {
    return undefined;
  }
}

export function isAlive(pid: number, startTicks: string): boolean {
  return processEntry(pid)?.startTicks === startTicks;
}

export function allProcesses(): readonly ProcessEntry[] {
  return readdirSync('/proc').flatMap((name) => {
    const first = name.charCodeAt(0);
    return first >= 49 && first <= 57 ? (processEntry(Number(name)) ?? []) : [];
  });
}

/** Identity of a process's network namespace ("net:[4026532281]"); undefined when it has ended. */
export function networkOf(pid: number | 'self'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** Pids of the session that a process leads: of a service, all but what it sent into a session of its own. */
export function sessionOf(leader: number): readonly number[] {
  return allProcesses().flatMap(({ pid, session }) => (session === leader ? [pid] : []));
}

/** Sends a signal; a process that has ended meanwhile is no error. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}
