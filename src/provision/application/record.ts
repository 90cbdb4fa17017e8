/** The application's record: which release the stack runs, and what is under way. */
import { join } from 'node:path';
import type { Spec } from '#src/spec/spec.ts';
import type { ApplicationRecord, Canary } from '#src/topology/application.ts';
import type { StackAccess } from '../health.ts';
import { SharedRecord } from '../shared-record.ts';
import { archiveDirectory } from './archive.ts';

export interface RecordPlace {
  readonly access: StackAccess;
  readonly stateDirectory: string;
}

export class ApplicationStore extends SharedRecord<ApplicationRecord> {
  static async open({ access, stateDirectory }: RecordPlace): Promise<ApplicationStore> {
    const file = join(archiveDirectory(stateDirectory), 'record.json');
    const store = new ApplicationStore(access, { path: '/v1/application', file, what: 'the releases' });
    await store.read();
    return store;
  }
}

/** The stack while a canary runs: its host takes the canary's share of the requests. */
export function withCanary(spec: Spec, canary: Canary | null | undefined): Spec {
  if (canary === null || canary === undefined) return spec;
  const hosts = spec.hosts.map((host) =>
    host.name === canary.host ? { ...host, weight: canary.weight } : host,
  );
  return { ...spec, hosts };
}
