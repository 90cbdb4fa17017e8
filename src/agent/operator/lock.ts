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
  | { readonly taken: true; readonly id: string; readonly ttlSeconds: number }
  | { readonly taken: false; readonly holder: Operation };

export async function currentOperation(etcd: EtcdClient): Promise<Operation | null> {
  const found = await etcd.get(key);
  return found === undefined ? null : (JSON.parse(found.value) as Operation);
}

/** Throws an `EtcdError` when it is not known whether the lock was taken; its lease is revoked then. */
export async function takeOperation(etcd: EtcdClient, operation: Operation): Promise<Taken> {
  const lease = await etcd.leaseGrant(operationTtlSeconds);
  try {
    const { succeeded, results } = await etcd.txn({
      compare: [{ target: 'createRevision', key, number: 0 }],
      success: [{ op: 'put', key, value: JSON.stringify(operation), lease }],
      failure: [{ op: 'get', key }],
    });
    if (succeeded) return { taken: true, id: lease, ttlSeconds: operationTtlSeconds };
    const holder = results[0]?.kvs[0]?.value ?? '{}';
    await etcd.leaseRevoke(lease);
    return { taken: false, holder: JSON.parse(holder) as Operation };
  } catch (error) {
    await etcd.leaseRevoke(lease).catch(() => undefined);
    throw error;
  }
}

/** False when the lock is no longer that holder's. */
export async function renewOperation(etcd: EtcdClient, id: string): Promise<boolean> {
  if ((await etcd.leaseKeepAlive(id)) === undefined) return false;
  return (await etcd.get(key))?.lease === id;
}

export async function releaseOperation(etcd: EtcdClient, id: string): Promise<void> {
  await etcd.leaseRevoke(id);
}
