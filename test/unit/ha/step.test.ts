import { describe, expect, test } from 'vitest';
import { holdLeft } from '#src/ha/anti-flapping.ts';
import { failoverPossible } from '#src/ha/failover-possible.ts';
import { initialState } from '#src/ha/state.ts';
import { step } from '#src/ha/step.ts';
import {
  answered,
  at,
  cluster,
  config,
  kinds,
  knowing,
  primary,
  replica,
  reportB,
  sync,
  tick,
} from './fixtures.ts';

const alone = { ...sync, members: ['a'], joining: null };

describe('what an agent knows', () => {
  test('nothing at first: it reads and probes, and decides nothing', () => {
    const first = step(initialState(config), { type: 'tick', now: 1 });
    expect(kinds(first)).toEqual(['readCluster', 'probeDatabase']);
    expect(first.rule).toBe(1);
  });
  test("a lease's deadline counts from when the renewal was sent", () => {
    const asked = tick(knowing(1_000, { leaseEffectAt: 0 }));
    const renewed = answered(asked, 'keepAlive', { now: 1_450, sentAt: 1_001 });
    expect(renewed.state.lease?.deadline).toBe(1_001 + config.leaseTtlMs - config.leaseMarginMs);
  });
  test('an unknown renewal leaves the deadline where it was', () => {
    const asked = tick(knowing(1_000, { leaseEffectAt: 0 }));
    const after = answered(asked, 'keepAlive', { now: 1_600, outcome: 'unknown' });
    expect(after.state.lease).toEqual(asked.state.lease);
  });
  test('an answer to a command of an earlier life changes nothing', () => {
    const state = knowing(1_000, {});
    const effect = { kind: 'keepAlive', lease: 'l1' } as const;
    const after = step(state, { type: 'done', now: 1_001, id: 99, effect, sentAt: 1, outcome: 'refused' });
    expect(after.state.lease).toEqual(state.lease);
  });
  test('a probe sent before an effect came back is not believed', () => {
    const server = { ...primary, readOnly: true };
    const state = knowing(1_000, { server, databaseStaleBefore: 900 });
    const asked = tick({ ...state, database: { value: server, sentAt: 500 } });
    const late = answered(asked, 'probeDatabase', { now: 1_010, sentAt: 800, database: primary });
    expect(late.state.database?.value).toBe(server);
  });
  test('a member that an agent of its earlier life led goes on with that lease', () => {
    const first = step({ ...initialState(config), now: 100 }, { type: 'tick', now: 101 });
    const read = answered(first, 'readCluster', { now: 105, cluster });
    expect(read.state.lease?.id).toBe('l1');
    expect(kinds(read)).toContain('keepAlive');
  });
});

describe('the sync set', () => {
  test('the source side stays on while the standby is lost for less than degradeAfter', () => {
    const state = knowing(1_500, { standbyLostSince: 1_000 });
    expect(tick(state).rule).toBe(59);
  });
  test('first recorded, then read back, only then the source side goes off', () => {
    const lost = tick(knowing(2_100, { standbyLostSince: 1_000 }));
    expect(lost.rule).toBe(27);
    const written = answered(lost, 'writeSync', { now: 2_110, revision: 30 });
    expect(kinds(written)).toContain('readCluster');
    expect(kinds(written)).not.toContain('sourceOff');
    const seen = { ...cluster, revision: 30, sync: { ...alone, modRevision: 30 } };
    const read = answered(written, 'readCluster', { now: 2_120, sentAt: 2_111, cluster: seen });
    expect([read.rule, kinds(read)[0]]).toEqual([28, 'sourceOff']);
  });
  test('an outcome that is unknown is written again before the source side goes off', () => {
    const lost = tick(knowing(2_100, { standbyLostSince: 1_000 }));
    const unknown = answered(lost, 'writeSync', { now: 2_600, outcome: 'unknown' });
    expect(kinds(unknown)).not.toContain('sourceOff');
    const seen = { ...cluster, revision: 30, sync: { ...alone, modRevision: 30 } };
    const read = answered(unknown, 'readCluster', { now: 2_610, sentAt: 2_605, cluster: seen });
    expect([read.rule, kinds(read)[0]]).toEqual([29, 'writeSync']);
  });
  test('after a restart it opens alone only when no earlier naming can arrive any more', () => {
    const closed = { ...primary, readOnly: true, semiSyncSource: false };
    const seen = { ...cluster, sync: { ...alone, modRevision: 30 } };
    const uncertain = tick(knowing(2_000, { seen, server: closed }));
    expect([uncertain.rule, kinds(uncertain)[0]]).toEqual([29, 'writeSync']);
    const certain = tick(knowing(2_000, { seen, server: closed, aloneRevision: 30 }));
    expect([certain.rule, kinds(certain)[0]]).toEqual([41, 'openServer']);
  });
  test('mode strict never switches it off', () => {
    const state = knowing(9_000, {
      config: { ...config, mode: 'strict' },
      seen: { ...cluster, sync: { ...alone, modRevision: 30 }, members: {} },
      standbyLostSince: 1_000,
      aloneRevision: 30,
    });
    expect(kinds(tick(state))).not.toContain('sourceOff');
  });
  test('commits wait for an invited member as soon as it acknowledges, however far behind it is', () => {
    const joining = { ...alone, joining: 'b', mayAcknowledge: ['b'], modRevision: 30 };
    const seen = { ...cluster, sync: joining };
    const server = { ...primary, semiSyncSource: false, applied: at(9) };
    expect(tick(knowing(2_000, { seen, server })).rule).toBe(55);
    // What was on its way when the source side went on is confirmed by the next write.
    const on = knowing(2_000, { seen, releaseDue: true, barrier: { joining: 'b', position: at(6) } });
    expect([tick(on).rule, kinds(tick(on))[0]]).toEqual([57, 'writeBarrier']);
    const silent = { ...seen, members: { b: { ...reportB, acknowledging: false } } };
    expect(tick(knowing(2_000, { seen: silent, server, invitedAt: 1_000 })).rule).toBe(59);
  });
  test('nobody is named before the barrier was received, nor while another may acknowledge', () => {
    const joining = { ...alone, joining: 'b', mayAcknowledge: ['b'], modRevision: 30 };
    const seen = { ...cluster, sync: joining };
    const behind = knowing(2_000, { seen, barrier: { joining: 'b', position: at(6) } });
    expect(tick(behind).rule).toBe(59);
    const caughtUp = { ...behind, barrier: { joining: 'b', position: at(5) } };
    expect(tick(caughtUp).rule).toBe(56);
    const other = { ...seen, sync: { ...joining, mayAcknowledge: ['b', 'c'] } };
    expect(tick(knowing(2_000, { seen: other, barrier: { joining: 'b', position: at(5) } })).rule).toBe(53);
    const lazy = { ...seen, members: { b: { ...reportB, flushes: false } } };
    expect(tick(knowing(2_000, { seen: lazy, barrier: { joining: 'b', position: at(5) } })).rule).toBe(59);
  });
  test('an invited member flushes each event only from when commits wait for it; a named one always', () => {
    const joining = { ...alone, joining: 'b', mayAcknowledge: ['b'], modRevision: 30 };
    const of = (values: typeof sync, sourceOn: boolean) => {
      const members = { a: { ...reportB, member: 'a', following: null, sourceOn } };
      const server = { ...replica, flushesEvents: false };
      const asB = { ...config, self: 'b', serverId: 2 };
      return tick(knowing(2_000, { config: asB, seen: { ...cluster, sync: values, members }, server })).rule;
    };
    expect(of(joining, false)).toBe(78);
    expect(of(joining, true)).toBe(80);
    expect(of(sync, false)).toBe(80);
  });
});

describe('demotion', () => {
  const newer = {
    ...cluster,
    revision: 50,
    leader: { holder: 'b', createRevision: 40, lease: 'l2' },
    sync: { ...sync, leader: 'b', epoch: 40, members: ['b'], modRevision: 41 },
    history: [...cluster.history, { epoch: 40, holder: 'b', start: at(5) }],
  };
  test('read-only when nothing waits, SIGKILL when commits wait', () => {
    expect(kinds(tick(knowing(1_000, { seen: newer })))).toContain('closeServer');
    const waiting = { ...primary, waitingCommits: 1 };
    expect(kinds(tick(knowing(1_000, { seen: newer, server: waiting })))).toContain('killServer');
  });
  test('SIGKILL also when closing hangs, until the server is gone or closed', () => {
    const closing = tick(knowing(1_000, { seen: newer }));
    const hung = answered(closing, 'closeServer', { now: 2_500, outcome: 'unknown' });
    expect(hung.state.closeHangs).toBe(true);
    const hanging = knowing(3_000, { seen: newer, closeHangs: true });
    expect(kinds(tick(hanging))).toContain('killServer');
    const closed = { ...primary, readOnly: true };
    expect(kinds(tick(knowing(3_000, { seen: newer, closeHangs: true, server: closed })))).not.toContain(
      'killServer',
    );
  });
  test('a lost lease alone is no reason, a lost standby alone neither', () => {
    const leaseless = { id: 'l1', deadline: 500 };
    expect(tick(knowing(9_000, { lease: leaseless })).rule).toBe(59);
    expect(kinds(tick(knowing(9_000, { lease: leaseless, standbyLostSince: 1_000 })))[0]).not.toBe(
      'sourceOff',
    );
  });
  test('what only it has is saved before anything else, and then it follows', () => {
    const errant = { ...primary, readOnly: true, semiSyncSource: false, applied: at(7), received: at(7) };
    const asked = tick(knowing(1_000, { seen: newer, server: errant }));
    expect([asked.rule, kinds(asked)[0]]).toEqual([71, 'saveErrant']);
  });
});

describe('promotion', () => {
  const free = { ...cluster, leader: null };
  const asB = { ...config, self: 'b', serverId: 2 };
  test('only a member that sync names, and only when the free key was seen twice', () => {
    const state = knowing(9_000, { config: asB, seen: free, server: replica, noLeaderSince: 8_900 });
    expect(tick(state).rule).toBe(60);
    expect(tick({ ...state, noLeaderSince: 9_001 }).rule).toBe(78);
    const unnamed = { ...free, sync: { ...sync, members: ['a'] } };
    const result = tick(
      knowing(9_000, { config: asB, seen: unnamed, server: { ...replica, acknowledging: false } }),
    );
    expect(result.rule).toBe(78);
    expect(result.sentence).toContain('only a certainly has every acknowledged write');
  });
  test.each([
    ['wiped', { stackId: null }],
    ['of another stack', { stackId: 'other' }],
  ])('never on an etcd that was %s', (_, change) => {
    const state = knowing(9_000, {
      config: asB,
      seen: { ...free, ...change },
      server: replica,
      noLeaderSince: 8_900,
    });
    expect(tick(state).rule).toBe(2);
  });
  test('never on an etcd that is older than what any member has', () => {
    const members = { b: reportB, a: { ...reportB, member: 'a', markerEpoch: 99 } };
    const state = knowing(9_000, {
      config: asB,
      seen: { ...free, members },
      server: replica,
      noLeaderSince: 8_900,
    });
    expect(tick(state).rule).toBe(2);
  });
  test('after two failovers in unstable times the next one waits', () => {
    const state = knowing(40_000, { config: asB, changes: [10_000, 30_000] });
    expect(holdLeft(state)).toBe(20_000);
    expect(holdLeft({ ...state, now: 100_000 })).toBe(0);
  });
});

describe('whether a failover would succeed now', () => {
  test.each([
    [cluster, null],
    [{ ...cluster, members: {} }, 'the sync standby b does not report'],
    [{ ...cluster, sync: alone }, 'no sync standby: only a has every acknowledged write'],
    [{ ...cluster, maintenance: true }, 'maintenance is on'],
  ])('%#', (seen, reason) => {
    const result = failoverPossible(seen, 'required');
    expect(result.possible ? null : result.reason).toBe(reason);
  });
});
