/**
 * Who restarts the supervisor: flock(1), blocked in the kernel on a lock that the supervisor holds. When the supervisor
 * dies the kernel gives the lock away, and the keeper execs the next supervisor in its own place: no polling, no gap.
 * The supervisor in turn starts a keeper whenever it has none.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { isAlive, processEntry, signal } from '#src/adapters/process/table.ts';
import { logPath } from './launch.ts';
import { lockPath } from './store.ts';

export interface KeeperIdentity {
  readonly pid: number;
  readonly startTicks: string;
}

/**
 * How a supervisor is started: under the lock, with the runtime's own flags. A keeper waits for the lock; whoever starts
 * a host's first supervisor does not (`now`: exit code 1 when it is held), or there would be one keeper too many.
 */
export function supervisorCommand(
  patience: 'wait' | 'now',
  program: string,
  flags: readonly string[],
  script: string,
): readonly string[] {
  const now = patience === 'now' ? ['--nonblock'] : [];
  return ['flock', '--exclusive', ...now, '--no-fork', lockPath, program, ...flags, script];
}

export class Keeper {
  readonly #changed: () => void;
  #identity: KeeperIdentity | null = null;
  #isStopping = false;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get identity(): KeeperIdentity | null {
    return this.#identity;
  }

  /** `earlier`: the keeper of the supervisor before; it is this very process, dead, or one too many. */
  start(earlier: KeeperIdentity | null): void {
    if (earlier !== null && earlier.pid !== process.pid && isAlive(earlier.pid, earlier.startTicks)) {
      signal(earlier.pid, 'SIGKILL');
    }
    this.#spawn();
  }

  #spawn(): void {
    const [program = '', ...words] = supervisorCommand(
      'wait',
      process.execPath,
      process.execArgv,
      process.argv[1] ?? '',
    );
    const log = openSync(logPath('supervisor'), 'a', 0o640);
    const child = spawn(program, words, { detached: true, stdio: ['ignore', log, log], cwd: '/' });
    closeSync(log);
    child.once('error', () => this.#lost());
    child.once('exit', () => this.#lost());
    const { pid } = child;
    const entry = pid === undefined ? undefined : processEntry(pid);
    this.#identity = entry === undefined ? null : { pid: entry.pid, startTicks: entry.startTicks };
    this.#changed();
  }

  #lost(): void {
    this.#identity = null;
    if (this.#isStopping) return;
    // The pause matters only when flock itself can't run; then it keeps the supervisor from spinning.
    setTimeout(() => this.#isStopping || this.#spawn(), 20);
  }

  stop(): void {
    this.#isStopping = true;
    if (this.#identity !== null) signal(this.#identity.pid, 'SIGKILL');
  }
}
