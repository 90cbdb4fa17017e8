/**
 * One operator at a time. On this machine a file says who works (`lock.ts`); across machines a key in etcd does, which
 * lives by a lease that the holder renews. A stack whose quorum does not answer (its first run, or a repair) is locked
 * on this machine alone.
 */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { readFileIfThere, writeFileAtomic } from '#src/adapters/files/atomic.ts';
import { TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import type { Operation } from '#src/topology/agent-api.ts';
import type { StackAccess } from './health.ts';
import { withStackLock } from './lock.ts';
import { askQuorum, detailOf, neverUp } from './operator-api.ts';

const renewMs = 4_000;
/** Agents take no longer ones. */
const commandLength = 300;

export function operatorName(): string {
  return `${userInfo().username}@${hostname()}`;
}

export interface LockOptions {
  readonly access: StackAccess;
  readonly stateDirectory: string;
  /** Such as "up" or "deploy ./app". */
  readonly command: string;
  readonly reporter: Reporter;
}

/** Runs `work` under the lock; the reporter that it is given refuses to begin another step once the lock is lost. */
export function withOperation<T>(options: LockOptions, work: (reporter: Reporter) => Promise<T>): Promise<T> {
  const { stateDirectory, command, reporter } = options;
  return withStackLock(stateDirectory, command, async () => {
    const lock = await ClusterLock.take(options);
    if (lock === undefined) return work(reporter);
    try {
      return await work(lock.guard(reporter));
    } finally {
      await lock.release();
    }
  });
}

/** Who works on the stack now, as etcd says; null for nobody, undefined when it does not answer. */
export async function currentOperation(access: StackAccess): Promise<Operation | null | undefined> {
  const answer = await askQuorum(access, { path: '/v1/operation' });
  return (answer?.body as { operation: Operation | null } | undefined)?.operation;
}

export function describeOperation({ by, pid, command, sinceMs }: Operation): string {
  return `'tandem ${command}' of ${by} (process ${pid}) since ${new Date(sinceMs).toISOString()}`;
}

class ClusterLock {
  readonly #access: StackAccess;
  readonly #id: string;
  readonly #ttlMs: number;
  readonly #idFile: string;
  /** Until then the lease lives whatever happens; counted from before the renewal was sent. */
  #deadline: number;
  #lost = false;
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    access: StackAccess,
    taken: { id: string; ttlMs: number; idFile: string },
    sentMs: number,
  ) {
    this.#access = access;
    this.#id = taken.id;
    this.#ttlMs = taken.ttlMs;
    this.#idFile = taken.idFile;
    this.#deadline = sentMs + taken.ttlMs;
    this.#schedule();
  }

  /** Undefined when the quorum does not answer; rejects when somebody else holds it. Called under the local lock. */
  static async take({ access, stateDirectory, command }: LockOptions): Promise<ClusterLock | undefined> {
    const idFile = join(stateDirectory, 'operation-id');
    await releaseLeftover(access, idFile);
    // Known before it is asked for: a command that is killed in between leaves what the next one needs to go on at once.
    const id = String(randomBytes(8).readBigUInt64BE() / 4n + 1n);
    await writeFileAtomic(idFile, id);
    const sentMs = performance.now();
    const body: Operation = {
      by: operatorName(),
      pid: process.pid,
      command: command.slice(0, commandLength),
      sinceMs: Date.now(),
    };
    const ask = { method: 'POST', path: `/v1/operation/${id}`, body };
    const answer = await askQuorum(access, ask).catch(neverUp);
    if (answer === undefined) return undefined;
    if (answer.status >= 400 && answer.status !== 409) throw refused(detailOf(answer));
    const taken = answer.body as { taken: true; ttlSeconds: number } | { taken: false; holder: Operation };
    if (!taken.taken) throw busy(taken.holder);
    return new ClusterLock(access, { id, ttlMs: taken.ttlSeconds * 1_000, idFile }, sentMs);
  }

  guard(reporter: Reporter): Reporter {
    return {
      step: (host, title, work) =>
        reporter.step(host, title, () => {
          this.#assertHeld();
          return work();
        }),
      note: (host, text) => reporter.note(host, text),
    };
  }

  async release(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#lost) await releaseLock(this.#access, this.#id, this.#idFile);
    this.#lost = true;
  }

  #assertHeld(): void {
    if (!this.#lost && performance.now() < this.#deadline) return;
    throw new TandemError(
      'lock-lost',
      'The lock of this stack was lost: etcd did not answer in time, or gave it to another.',
      {
        hint: "Nothing further was begun. 'tandem status' shows what state the stack is in and who works on it; then run the command again.",
      },
    );
  }

  #schedule(): void {
    this.#timer = setTimeout(() => void this.#renew(), renewMs);
    this.#timer.unref();
  }

  async #renew(): Promise<void> {
    const sentMs = performance.now();
    const path = `/v1/operation/${this.#id}`;
    const answer = await askQuorum(this.#access, { method: 'PUT', path }).catch(() => undefined);
    // No answer says nothing: the lease may live until its deadline.
    if (answer?.status === 410) this.#lost = true;
    else if (answer?.status === 200) this.#deadline = sentMs + this.#ttlMs;
    if (!this.#lost) this.#schedule();
  }
}

/** Without an answer it ends with its lease, or with the next command from here. */
async function releaseLock(access: StackAccess, id: string, idFile: string): Promise<void> {
  const ask = { method: 'DELETE', path: `/v1/operation/${id}` };
  const answer = await askQuorum(access, ask).catch(() => undefined);
  if (answer !== undefined) await rm(idFile, { force: true });
}

/** Whoever has the local lock knows that the command that left its id here is dead: nobody waits for its lease. */
async function releaseLeftover(access: StackAccess, idFile: string): Promise<void> {
  const id = await readFileIfThere(idFile);
  if (id !== undefined && /^\d+$/.test(id)) await releaseLock(access, id, idFile);
}

function refused(detail: string): TandemError {
  return new TandemError('agent-refused', `An agent did not give the lock of this stack: ${detail}`, {
    hint: "Nothing was begun. 'tandem logs HOST agent' of the quorum's hosts may tell more.",
  });
}

function busy(holder: Operation): TandemError {
  return new TandemError('stack-busy', `${describeOperation(holder)} is working on this stack.`, {
    hint: 'Wait until it has ended, then run the command again. A command that was killed gives way after half a minute.',
  });
}
