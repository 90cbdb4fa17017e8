/** The record of the application's releases in etcd. Written only over what its writer has read. */
import type { EtcdClient } from '#src/adapters/etcd/client.ts';
import { applicationKey } from '#src/topology/application.ts';

const key = applicationKey;

export interface StoredApplication {
  /** As the command-line tool wrote it (`ApplicationRecord`); null when there is none. */
  readonly record: unknown;
  /** 0 without a record. */
  readonly revision: number;
}

export async function readApplication(etcd: EtcdClient): Promise<StoredApplication> {
  const found = await etcd.get(key);
  return found === undefined
    ? { record: null, revision: 0 }
    : { record: JSON.parse(found.value), revision: found.modRevision };
}

/** The new revision; undefined when somebody else has written since `revision`. */
export async function writeApplication(
  etcd: EtcdClient,
  record: unknown,
  revision: number,
): Promise<number | undefined> {
  const result = await etcd.txn({
    compare: [{ target: 'modRevision', key, number: revision }],
    success: [{ op: 'put', key, value: JSON.stringify(record) }],
  });
  return result.succeeded ? result.revision : undefined;
}
