/**
 * A record of the stack that operators share: in etcd through the agents, with a copy on this machine for when they do not
 * answer (a stack that is down, or whose quorum is being repaired).
 */
import { readFileIfThere, writeFileAtomic } from '#src/adapters/files/atomic.ts';
import { TandemError } from '#src/std/errors.ts';
import type { StackAccess } from './health.ts';
import { askQuorum, detailOf, neverUp } from './operator-api.ts';

export interface RecordKind {
  /** Of the agents' API. */
  readonly path: string;
  /** The copy on this machine. */
  readonly file: string;
  /** In sentences: "the releases". */
  readonly what: string;
}

interface Stored<T> {
  readonly record: T | null;
  readonly revision: number;
}

export class SharedRecord<T> {
  readonly #access: StackAccess;
  readonly #kind: RecordKind;
  /** Of the record that was read last; undefined when etcd did not answer. */
  #revision: number | undefined;
  record: T | undefined;

  constructor(access: StackAccess, kind: RecordKind) {
    this.#access = access;
    this.#kind = kind;
  }

  /** etcd answered when it was read last. */
  get isKnown(): boolean {
    return this.#revision !== undefined;
  }

  /** etcd answers and has no record: the stack is new, or its quorum was wiped. */
  get isMissing(): boolean {
    return this.#revision === 0;
  }

  /** Never rejects for agents that do not answer: then the copy of this machine counts. Rejects when that is damaged. */
  async read(): Promise<void> {
    const found = await this.#ask();
    this.#revision = found?.revision;
    this.record = found?.record ?? (await this.#copy());
  }

  /** Writes what follows from the record that was read. Rejects when somebody else has changed it since. */
  async write(record: T): Promise<void> {
    if (this.#revision !== undefined) {
      const body = { record, revision: this.#revision };
      const answer = await askQuorum(this.#access, { method: 'PUT', path: this.#kind.path, body });
      if (answer === undefined) throw this.#unreachable();
      if (answer.status === 409) {
        // An agent that was asked before may have written it without saying so.
        const found = await this.#ask();
        if (JSON.stringify(found?.record) !== JSON.stringify(record)) throw this.#changed();
        this.#revision = found?.revision;
      } else if (answer.status >= 400) throw this.#refused(detailOf(answer));
      else this.#revision = (answer.body as { revision: number }).revision;
    }
    this.record = record;
    await writeFileAtomic(this.#kind.file, `${JSON.stringify(record, null, 2)}\n`);
  }

  async #ask(): Promise<Stored<T> | undefined> {
    const answer = await askQuorum(this.#access, { path: this.#kind.path }).catch(neverUp);
    return answer === undefined || answer.status >= 400 ? undefined : (answer.body as Stored<T>);
  }

  async #copy(): Promise<T | undefined> {
    const text = await readFileIfThere(this.#kind.file);
    if (text === undefined) return undefined;
    try {
      const record: unknown = JSON.parse(text);
      if (typeof record === 'object' && record !== null) return record as T;
    } catch {
      // Told below.
    }
    throw this.#damaged();
  }

  #damaged(): TandemError {
    const { file, what } = this.#kind;
    return new TandemError('record-unreadable', `${file}, this machine's copy of ${what}, is damaged.`, {
      hint: "Restore it from a backup, or remove it: 'tandem up' then goes by the quorum's record, and without one by the stack file.",
    });
  }

  #unreachable(): TandemError {
    return new TandemError(
      'no-quorum',
      `No agent reaches the quorum: ${this.#kind.what} cannot be recorded.`,
      {
        hint: "'tandem status' shows what is wrong with it; then run the command again.",
      },
    );
  }

  #refused(detail: string): TandemError {
    return new TandemError('agent-refused', `An agent did not record ${this.#kind.what}: ${detail}`, {
      hint: "Nothing further was begun. 'tandem logs HOST agent' of the quorum's hosts may tell more.",
    });
  }

  #changed(): TandemError {
    return new TandemError('record-changed', `Another command has changed ${this.#kind.what} meanwhile.`, {
      hint: "Nothing further was begun. See 'tandem status'; then run the command again.",
    });
  }
}
