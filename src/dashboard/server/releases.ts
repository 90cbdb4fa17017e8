/** The application's releases, as the record in etcd has them: followed, so that a deploy is marked a moment later. */
import { z } from 'zod';
import type { EtcdClient } from '#src/adapters/etcd/client.ts';
import { PrefixWatch } from '#src/adapters/etcd/watch.ts';
import { applicationKey } from '#src/topology/application.ts';
import type { Metrics } from '../api/schemas.ts';

const recordSchema = z.object({
  history: z.array(
    z.object({
      release: z.string(),
      change: z.string(),
      by: z.string(),
      atMs: z.number(),
      detail: z.string(),
    }),
  ),
});

export class ReleaseWatch {
  readonly #watch: PrefixWatch;
  #marks: Metrics['marks'] = [];

  constructor(etcd: EtcdClient) {
    this.#watch = new PrefixWatch(etcd, applicationKey, {
      onSnapshot: (kvs) => {
        this.#marks = deployMarks(kvs.find(({ key }) => key === applicationKey)?.value);
      },
      onEvents: (events) => {
        for (const { type, kv } of events) {
          if (kv.key === applicationKey) this.#marks = deployMarks(type === 'delete' ? undefined : kv.value);
        }
      },
    });
  }

  get marks(): Metrics['marks'] {
    return this.#marks;
  }

  close(): void {
    this.#watch.close();
  }
}

/** Of the record's text; none where it can't be understood. */
export function deployMarks(text: string | undefined): Metrics['marks'] {
  if (text === undefined) return [];
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch {
    return [];
  }
  const { data } = recordSchema.safeParse(record);
  return (data?.history ?? []).map(({ release, change, by, atMs, detail }) => ({
    atMs,
    kind: 'deploy' as const,
    text: `${by}: ${sentences[change] ?? change} ${release.slice(0, 8)} (${detail})`,
  }));
}

const sentences: Readonly<Record<string, string>> = {
  first: 'first release',
  deploy: 'deployed release',
  canary: 'began a canary of release',
  rollback: 'went back to release',
  failed: 'failed to deploy release',
};
