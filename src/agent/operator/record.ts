/** Records that the command-line tool keeps in etcd. Written only over what their writer has read. */
import type { EtcdClient } from '#src/adapters/etcd/client.ts';

/** Which hosts the stack is on (`KnownHosts`). */
export const knownHostsKey = '/tandem/hosts';

export interface StoredRecord {
  /** As the command-line tool wrote it; null when there is none. */
  readonly record: unknown;
  /** 0 without a record. */
  readonly revision: number;
}

export async function readRecord(etcd: EtcdClient, key: string): Promise<StoredRecord> {
  const found = await etcd.get(key);
  return found === undefined
    ? { record: null, revision: 0 }
    : { record: JSON.parse(found.value), revision: found.modRevision };
}

/** The new revision; undefined when somebody else has written since `revision`. */
export async function writeRecord(
  etcd: EtcdClient,
  key: string,
  record: unknown,
  revision: number,
): Promise<number | undefined> {
  const result = await etcd.txn({
    compare: [{ target: 'modRevision', key, number: revision }],
    success: [{ op: 'put', key, value: JSON.stringify(record) }],
  });
  return result.succeeded ? result.revision : undefined;
}
