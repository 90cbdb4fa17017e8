import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { EtcdClient } from '#src/adapters/etcd/client.ts';
import type { KeyValue } from '#src/adapters/etcd/codec.ts';
import { EtcdError } from '#src/adapters/etcd/errors.ts';
import { alarms, compact, defragment, memberStatus, members } from '#src/adapters/etcd/maintenance.ts';
import { PrefixWatch } from '#src/adapters/etcd/watch.ts';
import { EtcdCluster } from './etcd-cluster.ts';

let cluster: EtcdCluster;
const open: { close(): void }[] = [];

function client(options?: Parameters<EtcdCluster['client']>[0]): EtcdClient {
  const made = cluster.client(options);
  open.push(made);
  return made;
}

async function failureOf(work: Promise<unknown>): Promise<EtcdError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof EtcdError) return error;
    throw error;
  }
  throw new Error('it should have failed');
}

async function eventually(check: () => boolean, timeoutMs = 5_000): Promise<number> {
  const start = Date.now();
  while (!check()) {
    if (Date.now() - start > timeoutMs) throw new Error('did not happen in time');
    await sleep(10);
  }
  return Date.now() - start;
}

beforeAll(async () => {
  cluster = await EtcdCluster.start();
});
afterAll(() => cluster.dispose());
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

describe('keys and leases', () => {
  it('writes, reads, compares and deletes', async () => {
    const etcd = client();
    const create = {
      compare: [{ target: 'createRevision', key: 'a/ключ', number: 0 }],
      success: [{ op: 'put', key: 'a/ключ', value: 'välue' }],
      failure: [{ op: 'get', key: 'a/ключ' }],
    } as const;
    const first = await etcd.txn(create);
    expect(first.succeeded).toBe(true);
    const second = await etcd.txn(create);
    expect(second.succeeded).toBe(false);
    const kv = second.results[0]?.kvs[0];
    expect(kv).toMatchObject({ key: 'a/ключ', value: 'välue', createRevision: first.revision, version: 1 });
    const change = await etcd.txn({
      compare: [
        { target: 'modRevision', key: 'a/ключ', number: kv?.modRevision ?? 0 },
        { target: 'value', key: 'a/ключ', value: 'välue' },
        { target: 'version', key: 'a/ключ', is: '<', number: 2 },
      ],
      success: [{ op: 'put', key: 'a/ключ', value: 'new' }],
    });
    expect(change.succeeded).toBe(true);
    expect((await etcd.get('a/ключ', { serializable: true }))?.version).toBe(2);
    await etcd.put('a/other', '');
    expect((await etcd.range('a/', { prefix: true })).kvs.map((k) => k.value)).toEqual(['', 'new']);
    expect(await etcd.delete('a/', { prefix: true })).toBe(2);
    expect(await etcd.get('a/ключ')).toBeUndefined();
  });

  it('binds keys to leases, which expire, or are revoked once', async () => {
    const etcd = client();
    const lease = await etcd.leaseGrant(1);
    await etcd.put('leased', 'x', { lease });
    expect((await etcd.get('leased'))?.lease).toBe(lease);
    for (let renewal = 0; renewal < 4; renewal += 1) {
      await sleep(400);
      expect(await etcd.leaseKeepAlive(lease)).toBe(1);
    }
    expect(await etcd.get('leased')).toBeDefined();
    await sleep(2_500);
    expect(await etcd.get('leased')).toBeUndefined();
    expect(await etcd.leaseKeepAlive(lease)).toBeUndefined();
    expect(await etcd.leaseRevoke(lease)).toBe(false);
    const missing = await failureOf(etcd.put('leased', 'x', { lease }));
    expect(missing).toMatchObject({ failure: 'refused', leaseNotFound: true });
  });

  it('says status, members and alarms, and defragments', async () => {
    const etcd = client();
    expect((await members(etcd)).map((m) => m.name).sort()).toEqual(['etcd-0', 'etcd-1', 'etcd-2']);
    expect(await alarms(etcd)).toEqual([]);
    for (let count = 0; count < 300; count += 1) await etcd.put('big', 'x'.repeat(4_000));
    const endpoint = etcd.endpoints[0] ?? '';
    const before = await memberStatus(etcd, endpoint);
    await compact(etcd, before.revision);
    await defragment(etcd, endpoint);
    const after = await memberStatus(etcd, endpoint);
    expect(after.sizeBytes).toBeLessThan(before.sizeBytes);
    expect(after.version).toMatch(/^3\.4/);
  });

  it('refuses a client without a certificate of the stack', async () => {
    const other = await EtcdCluster.start();
    try {
      const stranger = client({ tls: { ...other.tls, ca: cluster.tls.ca } });
      const error = await failureOf(stranger.get('ready'));
      expect(error.failure).not.toBe('refused');
    } finally {
      await other.dispose();
    }
  });
});

describe('watch', () => {
  it('gives a snapshot and then every change, also across compaction', async () => {
    const etcd = client();
    await etcd.put('w/1', 'old');
    const seen: string[] = [];
    const watch = new PrefixWatch(etcd, 'w/', {
      onSnapshot: (kvs) => seen.push(`snapshot ${kvs.map((kv) => kv.key).join()}`),
      onEvents: (events) => seen.push(...events.map((e) => `${e.type} ${e.kv.key}=${e.kv.value}`)),
    });
    open.push(watch);
    await eventually(() => watch.connected);
    await etcd.put('w/2', 'b');
    await etcd.delete('w/1');
    await eventually(() => seen.length === 3);
    expect(seen).toEqual(['snapshot w/1', 'put w/2=b', 'delete w/1=']);
  });

  it('starts again with a snapshot when its revision was compacted', async () => {
    const etcd = client();
    const snapshots: (readonly KeyValue[])[] = [];
    const watch = new PrefixWatch(
      etcd,
      'c/',
      { onSnapshot: (kvs) => snapshots.push(kvs), onEvents: () => undefined },
      { checkMs: 200 },
    );
    open.push(watch);
    await eventually(() => watch.connected);
    for (const index of [0, 1, 2]) await cluster.kill(index);
    await eventually(() => !watch.connected);
    watch.close();
    for (const index of [0, 1, 2]) await cluster.startMember(index);
    await cluster.ready();
    const revision = await etcd.put('c/1', 'x');
    await etcd.put('c/1', 'y');
    await compact(etcd, revision + 1);
    // A second watch that begins at a compacted revision, as one does that was cut off for long.
    const late = new PrefixWatch(
      etcd,
      'c/',
      { onSnapshot: (kvs) => snapshots.push(kvs), onEvents: () => undefined },
      { startRevision: 1 },
    );
    open.push(late);
    await eventually(() => snapshots.at(-1)?.[0]?.value === 'y');
  });
});

describe('faults', () => {
  it('goes on when any one member is killed, the leader too', async () => {
    const etcd = client();
    for (const index of [0, await cluster.leaderIndex()]) {
      await cluster.kill(index);
      const start = Date.now();
      await eventually(() => true);
      let value: string | undefined;
      while (value !== 'after') {
        await etcd.put('fault', 'after').catch(() => sleep(20));
        value = (await etcd.get('fault').catch(() => undefined))?.value;
      }
      expect(Date.now() - start).toBeLessThan(3_000);
      await etcd.delete('fault');
      await cluster.startMember(index);
      await cluster.ready();
      await sleep(500);
    }
  });

  it('says unavailable when nothing listens, and unknown when a write was sent to a frozen member', async () => {
    const first = cluster.members[0]?.endpoint ?? '';
    const etcd = client({ endpoints: [first] });
    await etcd.put('frozen', '1');
    cluster.signal(0, 'SIGSTOP');
    try {
      const sent = await failureOf(etcd.put('frozen', '2', { timeoutMs: 500 }));
      expect(sent.failure).toBe('unknown');
      // A new connection: the kernel accepts, TLS never answers, nothing was sent.
      const fresh = client({ endpoints: [first], connectTimeoutMs: 200 });
      expect((await failureOf(fresh.put('frozen', '3'))).failure).toBe('unavailable');
    } finally {
      cluster.signal(0, 'SIGCONT');
    }
    const nobody = client({ endpoints: ['https://127.0.0.1:1'] });
    expect((await failureOf(nobody.put('x', 'y'))).failure).toBe('unavailable');
  });

  it('reads past a frozen member quickly, and asks it last afterwards', async () => {
    await cluster.ready();
    const etcd = client();
    await etcd.put('past', 'yes');
    const frozen = etcd.order()[0];
    const index = cluster.members.findIndex((m) => m.endpoint === frozen);
    cluster.signal(index, 'SIGSTOP');
    try {
      const times: number[] = [];
      for (let count = 0; count < 3; count += 1) {
        const start = Date.now();
        let value: string | undefined;
        while (value === undefined) value = (await etcd.get('past').catch(() => undefined))?.value;
        times.push(Date.now() - start);
      }
      expect(times[0]).toBeLessThan(2_500);
      expect(times[2]).toBeLessThan(500);
    } finally {
      cluster.signal(index, 'SIGCONT');
    }
  });

  it('keeps a watch alive over a killed and a frozen member', async () => {
    await cluster.ready();
    const etcd = client();
    const seen: string[] = [];
    const watch = new PrefixWatch(
      etcd,
      'live/',
      { onSnapshot: () => undefined, onEvents: (events) => seen.push(...events.map((e) => e.kv.value)) },
      { checkMs: 300, checkTimeoutMs: 300 },
    );
    open.push(watch);
    await eventually(() => watch.connected);
    const writer = client({ endpoints: [...etcd.endpoints].reverse() });
    const put = async (value: string): Promise<void> => {
      for (;;) {
        try {
          await writer.put('live/x', value);
          return;
        } catch {
          await sleep(20);
        }
      }
    };
    await put('1');
    await eventually(() => seen.includes('1'));
    await cluster.kill(0);
    await put('2');
    await eventually(() => seen.includes('2'));
    await cluster.startMember(0);
    await cluster.ready();
    const followed = cluster.members.findIndex((m) => m.endpoint === etcd.order()[0]);
    cluster.signal(followed, 'SIGSTOP');
    try {
      await put('3');
      await eventually(() => seen.includes('3'), 4_000);
    } finally {
      cluster.signal(followed, 'SIGCONT');
    }
    expect(new Set(seen).size).toBe(3);
  });

  it('fails in time when all members are down, and works again by itself', async () => {
    const etcd = client();
    await etcd.get('ready');
    for (const index of [0, 1, 2]) await cluster.kill(index);
    const start = Date.now();
    await failureOf(etcd.get('ready'));
    expect((await failureOf(etcd.put('down', 'x'))).failure).toBe('unavailable');
    expect(Date.now() - start).toBeLessThan(3_500);
    for (const index of [0, 1, 2]) await cluster.startMember(index);
    await cluster.ready();
    expect((await etcd.get('ready'))?.value).toBe('yes');
  });
});
