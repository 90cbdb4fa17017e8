/** The record in etcd of who creates this stack's database, so that exactly one member ever does. */
import type { EtcdClient } from '#src/adapters/etcd/client.ts';
import { EtcdError } from '#src/adapters/etcd/errors.ts';
import { encodeHistory, encodeSync, storeKeys } from '#src/ha/store-format.ts';
import { firstEpoch } from './create.ts';
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

/**
 * After creation: the record says `created`, and the database's records begin, with its creator as the only one that
 * has every write. One transaction, once. False when it has to be tried again.
 */
export async function recordCreated(etcd: EtcdClient, self: string, stackId: string): Promise<boolean> {
  try {
    const kv = await etcd.get(initializeKey);
    if (kv === undefined) return true;
    const found = JSON.parse(kv.value) as InitializeRecord;
    // Another stack's or another creator's record is not ours to change; and etcd's loss is not ours to paper over.
    if (found.stackId !== stackId || found.creator !== self || found.state === 'created') return true;
    const created: InitializeRecord = { ...found, state: 'created' };
    const sync = { leader: self, epoch: firstEpoch, members: [self], joining: null, mayAcknowledge: [] };
    const history = {
      epoch: firstEpoch,
      holder: self,
      start: [],
      atMs: Date.now(),
      rule: 0,
      sentence: `${self} created the database`,
    };
    const result = await etcd.txn({
      compare: [
        { target: 'modRevision', key: initializeKey, number: kv.modRevision },
        { target: 'createRevision', key: storeKeys.sync, number: 0 },
      ],
      success: [
        { op: 'put', key: initializeKey, value: JSON.stringify(created) },
        { op: 'put', key: storeKeys.stack, value: stackId },
        { op: 'put', key: storeKeys.sync, value: encodeSync(sync) },
        { op: 'put', key: storeKeys.history(firstEpoch), value: encodeHistory(history) },
      ],
    });
    return result.succeeded;
  } catch (error) {
    if (error instanceof EtcdError) return false;
    throw error;
  }
}
