/**
 * The application's record: in etcd through the agents, with a copy on this machine for when they do not answer (a stack
 * that is down, or whose quorum is being repaired).
 */
import { join } from 'node:path';
import { readFileIfThere, writeFileAtomic } from '#src/adapters/files/atomic.ts';
import type { Spec } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { ApplicationRecord, Canary } from '#src/topology/application.ts';
import type { StackAccess } from '../health.ts';
import { askQuorum } from '../operator-api.ts';
import { archiveDirectory } from './archive.ts';

export interface RecordPlace {
  readonly access: StackAccess;
  readonly stateDirectory: string;
}

interface Stored {
  readonly record: ApplicationRecord | null;
  readonly revision: number;
}

export class ApplicationStore {
  readonly #place: RecordPlace;
  /** Of the record that was read last; undefined when etcd did not answer. */
  #revision: number | undefined;
  record: ApplicationRecord | undefined;

  private constructor(place: RecordPlace) {
    this.#place = place;
  }

  /** Never rejects for agents that do not answer: then the copy of this machine counts. */
  static async open(place: RecordPlace): Promise<ApplicationStore> {
    const store = new ApplicationStore(place);
    await store.read();
    return store;
  }

  /** etcd answers and has no record: the stack is new, or its quorum was wiped. */
  get isMissing(): boolean {
    return this.#revision === 0;
  }

  async read(): Promise<void> {
    const found = await this.#ask();
    this.#revision = found?.revision;
    this.record = found?.record ?? (await this.#copy());
  }

  /** Writes what follows from the record that was read. Rejects when somebody else has changed it since. */
  async write(record: ApplicationRecord): Promise<void> {
    if (this.#revision !== undefined) {
      const body = { record, revision: this.#revision };
      const ask = { method: 'PUT', path: '/v1/application', body };
      const answer = await askQuorum(this.#place.access, ask);
      if (answer === undefined) throw unreachable();
      if (answer.status === 409) {
        // An agent that was asked before may have written it without saying so.
        const found = await this.#ask();
        if (JSON.stringify(found?.record) !== JSON.stringify(record)) throw changed();
        this.#revision = found?.revision;
      } else this.#revision = (answer.body as { revision: number }).revision;
    }
    this.record = record;
    await writeFileAtomic(this.#path, `${JSON.stringify(record, null, 2)}\n`);
  }

  async #ask(): Promise<Stored | undefined> {
    const answer = await askQuorum(this.#place.access, { path: '/v1/application' }).catch(neverUp);
    return answer?.body as Stored | undefined;
  }

  async #copy(): Promise<ApplicationRecord | undefined> {
    const text = await readFileIfThere(this.#path);
    return text === undefined ? undefined : (JSON.parse(text) as ApplicationRecord);
  }

  get #path(): string {
    return join(archiveDirectory(this.#place.stateDirectory), 'record.json');
  }
}

function neverUp(error: unknown): undefined {
  if (error instanceof TandemError && error.code === 'not-up') return undefined;
  throw error;
}

function unreachable(): TandemError {
  return new TandemError('no-quorum', 'No agent reaches the quorum: the releases cannot be recorded.', {
    hint: "'tandem status' shows what is wrong with it; then run the command again.",
  });
}

function changed(): TandemError {
  return new TandemError('application-changed', 'Another command has changed the releases meanwhile.', {
    hint: "Nothing further was begun. See 'tandem deploy list' and 'tandem status'.",
  });
}

/** The stack while a canary runs: its host takes the canary's share of the requests. */
export function withCanary(spec: Spec, canary: Canary | null | undefined): Spec {
  if (canary === null || canary === undefined) return spec;
  const hosts = spec.hosts.map((host) =>
    host.name === canary.host ? { ...host, weight: canary.weight } : host,
  );
  return { ...spec, hosts };
}
