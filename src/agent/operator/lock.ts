/**
 * One operator at a time: a key in etcd that lives by its holder's lease. The holder is the command-line tool, which
 * cannot reach etcd itself; it renews through any agent.
 */
import type { EtcdClient } from '#src/adapters/etcd/client.ts';
import type { Operation } from '#src/topology/agent-api.ts';

const key = '/tandem/operation';
/** Longer than agents and etcd members take to be restarted one by one. */
export const operationTtlSeconds = 30;

export type Taken =
  | { readonly taken: true; readonly ttlSeconds: number }
  | { readonly taken: false; readonly holder: Operation };

export async function currentOperation(etcd: EtcdClient): Promise<Operation | null> {
  const found = await etcd.get(key);
  return found === undefined ? null : (JSON.parse(found.value) as Operation);
}

/**
 * `id`: of the lease, chosen by the holder beforehand, so that it can ask again when an answer was lost, and can give the
 * lock back after it was killed. Throws an `EtcdError` when it is not known whether the lock was taken.
 */
export async function takeOperation(etcd: EtcdClient, operation: Operation, id: string): Promise<Taken> {
  const isThere = (await etcd.leaseKeepAlive(id)) !== undefined;
  const lease = isThere ? id : await etcd.leaseGrant(operationTtlSeconds, { id });
  const { succeeded, results } = await etcd.txn({
    compare: [{ target: 'createRevision', key, number: 0 }],
    success: [{ op: 'put', key, value: JSON.stringify(operation), lease }],
    failure: [{ op: 'get', key }],
  });
  const found = results[0]?.kvs[0];
  if (succeeded || found?.lease === lease) return { taken: true, ttlSeconds: operationTtlSeconds };
  await etcd.leaseRevoke(lease);
  return { taken: false, holder: JSON.parse(found?.value ?? '{}') as Operation };
}

/** False when the lock is no longer that holder's. */
export async function renewOperation(etcd: EtcdClient, id: string): Promise<boolean> {
  if ((await etcd.leaseKeepAlive(id)) === undefined) return false;
  return (await etcd.get(key))?.lease === id;
}

export async function releaseOperation(etcd: EtcdClient, id: string): Promise<void> {
  await etcd.leaseRevoke(id);
}
