/** What the decision core hears of etcd when a record there can't be understood. */
import { expect, it } from 'vitest';
import type { EtcdClient } from '#src/adapters/etcd/client.ts';
import { HaStore } from '#src/agent/ha/store.ts';
import { storeKeys } from '#src/ha/store-format.ts';

it.each([
  [storeKeys.sync, 'not JSON'],
  [storeKeys.request, 'null'],
  [storeKeys.member('server-1'), '{"received":"x"}'],
])('is not known, and which record it is: %s', async (key, value) => {
  let kvs = [{ key, value, createRevision: 1, modRevision: 1, lease: undefined }];
  const etcd = { range: async () => ({ kvs, revision: 1 }) } as unknown as EtcdClient;
  const store = new HaStore(etcd, 'server-1');
  const told: (string | undefined)[] = [];
  store.onUnreadable = (reason) => told.push(reason);
  expect(await store.cluster({ kind: 'readCluster' })).toMatchObject({ outcome: 'unknown' });
  kvs = [];
  expect(await store.cluster({ kind: 'readCluster' })).toMatchObject({ outcome: 'ok' });
  expect(told).toEqual([expect.stringContaining(key), undefined]);
});
