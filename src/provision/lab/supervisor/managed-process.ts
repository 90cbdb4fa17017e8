/** The main process of a service: started by this supervisor, or by an earlier one and adopted. */
import type { ChildProcess } from 'node:child_process';
import { isAlive, processEntry } from '#src/adapters/process/table.ts';
import { describeExit } from './launch.ts';

export interface ManagedProcess {
  readonly pid: number;
  readonly startTicks: string;
  /** When it was started; milliseconds since the Unix epoch. */
  readonly sinceMs: number;
  /** Fulfils when the process has ended. Never rejects. */
  readonly exited: Promise<ProcessExit>;
}

export interface ProcessExit {
  /** "ended with code 1". */
  readonly text: string;
  readonly success: boolean;
}

/** How often an adopted process is looked at: its end is no event to anybody but its parent. */
const adoptedPollMs = 100;

/** Rejects when the program could not be started at all. */
export function ownProcess(child: ChildProcess, sinceMs: number): Promise<ManagedProcess> {
  return new Promise((done, fail) => {
    child.once('error', fail);
    const exited = new Promise<ProcessExit>((ended) => {
      child.once('exit', (code, signalName) =>
        ended({ text: describeExit(code, signalName), success: code === 0 }),
      );
    });
    const { pid } = child;
    // Without a pid the 'error' event says why.
    if (pid === undefined) return;
    done({ pid, startTicks: processEntry(pid)?.startTicks ?? '', sinceMs, exited });
  });
}

export function adoptedProcess(pid: number, startTicks: string, sinceMs: number): ManagedProcess {
  const exited = new Promise<ProcessExit>((ended) => {
    const timer = setInterval(() => {
      if (isAlive(pid, startTicks)) return;
      clearInterval(timer);
      ended({ text: 'has ended', success: false });
    }, adoptedPollMs);
  });
  return { pid, startTicks, sinceMs, exited };
}
