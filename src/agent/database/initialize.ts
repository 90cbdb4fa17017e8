/** The record in etcd of who creates this stack's database, so that exactly one member ever does. */
import type { EtcdClient } from '#src/adapters/etcd/client.ts';
import { EtcdError } from '#src/adapters/etcd/errors.ts';
import type { InitializeRecord } from './decide.ts';

export const initializeKey = '/tandem/initialize';

export async function readInitialize(etcd: EtcdClient): Promise<InitializeRecord | 'none' | 'unknown'> {
  try {
    const kv = await etcd.get(initializeKey);
    return kv === undefined ? 'none' : (JSON.parse(kv.value) as InitializeRecord);
  } catch (error) {
    if (error instanceof EtcdError) return 'unknown';
    throw error;
  }
}

/** The record that holds afterwards; `unknown` when etcd gave no clear answer (reading again says what happened). */
export async function claimInitialize(
  etcd: EtcdClient,
  record: InitializeRecord,
): Promise<InitializeRecord | 'none' | 'unknown'> {
  try {
    await etcd.txn({
      compare: [{ target: 'createRevision', key: initializeKey, number: 0 }],
      success: [{ op: 'put', key: initializeKey, value: JSON.stringify(record) }],
    });
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
  }
  return readInitialize(etcd);
}

/** After creation, and again after etcd lost its data: the record says `created`. False when etcd did not answer. */
export async function recordCreated(etcd: EtcdClient, record: InitializeRecord): Promise<boolean> {
  try {
    const kv = await etcd.get(initializeKey);
    if (kv !== undefined) {
      const found = JSON.parse(kv.value) as InitializeRecord;
      // Another stack's or another creator's record is not ours to change.
      if (found.stackId !== record.stackId || found.creator !== record.creator) return true;
      if (found.state === 'created') return true;
    }
    const result = await etcd.txn({
      compare: [{ target: 'modRevision', key: initializeKey, number: kv?.modRevision ?? 0 }],
      success: [{ op: 'put', key: initializeKey, value: JSON.stringify({ ...record, state: 'created' }) }],
    });
    return result.succeeded;
  } catch (error) {
    if (error instanceof EtcdError) return false;
    throw error;
  }
}
