import { expect, test } from 'vitest';
import { emptyPosition } from '#src/gtid/position.ts';
import type { Cluster, MemberReport } from '#src/ha/keys.ts';
import { topologyOf } from '#src/router/topology/from-etcd.ts';

const addresses = { 'db-1': { host: '10.0.0.1', port: 3306 }, 'db-2': { host: '10.0.0.2', port: 3306 } };

const report = (member: string, change: Partial<MemberReport> = {}): MemberReport => ({
  member,
  markerEpoch: 7,
  up: true,
  writable: member === 'db-1',
  received: emptyPosition,
  applied: emptyPosition,
  following: null,
  sqlRunning: member !== 'db-1',
  acknowledging: false,
  sourceOn: false,
  flushes: false,
  syncSeen: 1,
  storeWentBack: false,
  problem: null,
  ...change,
});

const cluster = (change: Partial<Cluster> = {}): Cluster => ({
  stackId: 'x',
  revision: 9,
  leader: { holder: 'db-1', createRevision: 7, lease: '1' },
  sync: {
    leader: 'db-1',
    epoch: 7,
    members: ['db-1', 'db-2'],
    joining: null,
    mayAcknowledge: ['db-2'],
    modRevision: 8,
  },
  members: { 'db-1': report('db-1'), 'db-2': report('db-2') },
  history: [],
  request: null,
  maintenance: false,
  ...change,
});

test('the holder of the leader key is the primary, the others are replicas', () => {
  const view = topologyOf(cluster(), addresses);
  expect(view.primary?.name).toBe('db-1');
  expect(view.epoch).toBe(7);
  expect(view.members.map(({ name, role, ok, historyEpoch }) => [name, role, ok, historyEpoch])).toEqual([
    ['db-1', 'primary', true, 7],
    ['db-2', 'replica', true, 7],
  ]);
});

test('no primary: no leader, a leader that sync does not name yet, one that is not writable yet', () => {
  expect(topologyOf(cluster({ leader: null }), addresses).primary).toBeUndefined();
  const taken = { holder: 'db-2', createRevision: 9, lease: '2' };
  expect(topologyOf(cluster({ leader: taken }), addresses).primary).toBeUndefined();
  const notYet = { 'db-1': report('db-1', { writable: false }), 'db-2': report('db-2') };
  expect(topologyOf(cluster({ members: notYet }), addresses).primary).toBeUndefined();
  expect(topologyOf(cluster({ sync: null, leader: null }), addresses)).toMatchObject({ epoch: 0 });
});

test('a primary whose agent died stays; a replica that nobody reports, or that is stopped, gets no reads', () => {
  const view = topologyOf(cluster({ members: {} }), addresses);
  expect(view.primary?.ok).toBe(true);
  expect(view.members[1]).toMatchObject({ ok: false, historyEpoch: undefined });
  const stopped = { 'db-1': report('db-1'), 'db-2': report('db-2', { sqlRunning: false }) };
  expect(topologyOf(cluster({ members: stopped }), addresses).members[1]?.ok).toBe(false);
});
