import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyse } from '#src/routing/analyse.ts';
import { type ChoiceInput, chooseBackend } from '#src/routing/choose.ts';
import {
  afterWrite,
  fitness,
  joinFreshness,
  nothingSeen,
  type Position,
  settle,
  withPending,
  withStamp,
} from '#src/routing/freshness.ts';
import type { Member } from '#src/routing/member.ts';
import { type Resolved, resolve } from '#src/routing/resolve.ts';
import { newSession, type SessionState } from '#src/routing/session.ts';
import { bareCommand } from '#src/routing/statement.ts';
import { step } from '#src/routing/step.ts';
import { answered, inReadOnly, inTransaction } from './outcomes.ts';
import { catalogue } from './table/schema.ts';

const at = (sequence: number): Position => [{ domain: 0, server: 1, sequence }];

const primary: Member = {
  name: 'db1',
  role: 'primary',
  epoch: 1,
  state: 'up',
  applied: undefined,
  logged: at(10),
  askedMs: 100,
  lagMs: undefined,
  applyDelayMs: undefined,
  weight: 1,
  outstanding: 0,
};
const replica: Member = { ...primary, name: 'db2', role: 'replica', applied: at(10), lagMs: 0 };
const second: Member = { ...replica, name: 'db3' };
const session = newSession('test');

function choose(sql: string, input: Partial<ChoiceInput> = {}): ReturnType<typeof chooseBackend> {
  const state = input.session ?? session;
  return chooseBackend({
    session: state,
    resolved: resolve(analyse(sql, state.modes), state.schema, catalogue),
    members: [primary, replica],
    level: 'session',
    shared: nothingSeen,
    limits: { maxLagMs: 1000, maxWaitMs: 0, primaryDelayMs: 0 },
    beganMs: 100,
    spread: 0,
    ...input,
  });
}

const stateAfter = (sql: string, outcome = answered(), state: SessionState = session): SessionState =>
  step(state, resolve(analyse(sql, state.modes), state.schema, catalogue), outcome);
const wrote = (sequence: number, epoch = 1): SessionState => ({
  ...session,
  freshness: withStamp(nothingSeen, { epoch, position: at(sequence) }),
});
const read = 'SELECT * FROM t';
/** A command without a text, or the preparation of a statement that uses these tables. */
const bare = (tables: readonly string[]): Resolved => ({
  statement: { ...bareCommand, tables: tables.map((name) => ({ schema: undefined, name })) },
  target: 'primary',
  reason: 'administration',
  stateful: false,
});
const onReplica = stateAfter(read, answered({ member: 'db2', role: 'replica' }));

describe('statement and session', () => {
  test.each([
    ['a read', read, session, { to: 'replica', member: 'db2', reason: 'fresh replica' }],
    ['a write', 'INSERT INTO t VALUES (1)', session, { to: 'primary', member: 'db1', reason: 'write' }],
    ['a hint', `/* tandem:primary */ ${read}`, session, { to: 'primary', member: 'db1', reason: 'hint' }],
    [
      'a query without tables, after which SHOW WARNINGS still tells of the statement before',
      'SELECT 1',
      stateAfter('INSERT INTO t VALUES (1)'),
      { to: 'last', member: 'db1', role: 'primary', reason: 'read' },
    ],
    [
      'a setting, after which SHOW WARNINGS still tells of the statement before',
      "SET sql_mode = ''",
      stateAfter('INSERT INTO t VALUES (1)'),
      { to: 'last', member: 'db1', role: 'primary', reason: 'replayable session state' },
    ],
    [
      'an unknown table',
      'SELECT * FROM x',
      session,
      { to: 'primary', member: 'db1', reason: 'table unknown' },
    ],
    [
      'a pinned session',
      read,
      stateAfter('LOCK TABLES t READ'),
      { to: 'primary', member: 'db1', reason: 'pinned' },
    ],
    [
      'user variables, elsewhere',
      read,
      stateAfter('SET @x=1'),
      { to: 'replica', member: 'db2', reason: 'fresh replica' },
    ],
    [
      'user variables, here',
      'SELECT @x',
      stateAfter('SET @x=1'),
      { to: 'primary', member: 'db1', reason: 'user variable' },
    ],
    [
      'an unresolved value',
      read,
      stateAfter('SET wait_timeout=5*5'),
      { to: 'primary', member: 'db1', reason: 'pinned' },
    ],
    [
      'a setting',
      'SET NAMES utf8',
      session,
      { to: 'replica', member: 'db2', reason: 'replayable session state' },
    ],
    [
      'a setting beside a pin',
      'SET NAMES utf8',
      stateAfter('SET @x=1'),
      { to: 'last', member: 'db1', role: 'primary', reason: 'replayable session state' },
    ],
    ['diagnostics first', 'SHOW WARNINGS', session, { to: 'primary', member: 'db1', reason: 'diagnostics' }],
    [
      'diagnostics of a replica',
      'SHOW WARNINGS',
      stateAfter(read, answered({ member: 'db2', role: 'replica' })),
      { to: 'last', member: 'db2', role: 'replica', reason: 'diagnostics' },
    ],
    [
      'diagnostics of a replica, which a query without tables on the primary has left',
      'SHOW WARNINGS',
      stateAfter('SELECT UUID_SHORT()', answered(), onReplica),
      { to: 'last', member: 'db2', role: 'replica', reason: 'diagnostics' },
    ],
    [
      'a count of rows of that query',
      'SELECT FOUND_ROWS()',
      stateAfter('SELECT UUID_SHORT()', answered(), onReplica),
      { to: 'last', member: 'db1', role: 'primary', reason: 'row count' },
    ],
    [
      'a count of rows with a table, where the table is fresh',
      'SELECT FOUND_ROWS(), COUNT(*) FROM t',
      onReplica,
      { to: 'last', member: 'db2', role: 'replica', reason: 'row count' },
    ],
    [
      'a count of rows with a table that was written since',
      'SELECT FOUND_ROWS(), COUNT(*) FROM t',
      { ...onReplica, freshness: wrote(11).freshness },
      { to: 'primary', member: 'db1', reason: 'not applied yet' },
    ],
    [
      'diagnostics of a query without tables that was warned itself',
      'SHOW WARNINGS',
      stateAfter('SELECT UUID_SHORT() / 0', answered({ warnings: 1 }), onReplica),
      { to: 'last', member: 'db1', role: 'primary', reason: 'diagnostics' },
    ],
    [
      'diagnostics of a replica, behind a command without a text on the primary',
      'SHOW WARNINGS',
      step(onReplica, bare([]), answered()),
      { to: 'last', member: 'db2', role: 'replica', reason: 'diagnostics' },
    ],
    [
      'a count of rows on a replica, behind the preparation of a statement on the primary',
      'SELECT ROW_COUNT()',
      step(onReplica, bare(['t']), answered()),
      { to: 'last', member: 'db2', role: 'replica', reason: 'row count' },
    ],
    [
      'diagnostics behind that preparation, which looked at tables',
      'SHOW WARNINGS',
      step(onReplica, bare(['t']), answered()),
      { to: 'last', member: 'db1', role: 'primary', reason: 'diagnostics' },
    ],
    [
      'diagnostics of a write, which has its own',
      'SHOW WARNINGS',
      stateAfter('INSERT INTO t VALUES (1)', answered(), onReplica),
      { to: 'last', member: 'db1', role: 'primary', reason: 'diagnostics' },
    ],
    [
      'a query without tables, where the diagnostics are that it leaves',
      'SELECT 1',
      stateAfter('SET @x = 1', answered(), onReplica),
      { to: 'last', member: 'db2', role: 'replica', reason: 'read' },
    ],
    [
      'a transaction',
      read,
      stateAfter('BEGIN', answered({ status: inTransaction })),
      { to: 'transaction', member: 'db1', reason: 'in transaction' },
    ],
    [
      'SERIALIZABLE',
      read,
      stateAfter("SET tx_isolation='SERIALIZABLE'"),
      { to: 'primary', member: 'db1', reason: 'pinned' },
    ],
    [
      'START TRANSACTION READ ONLY',
      'START TRANSACTION READ ONLY',
      session,
      { to: 'replica', member: 'db2', reason: 'fresh replica' },
    ],
    [
      'with state elsewhere',
      'START TRANSACTION READ ONLY',
      stateAfter('SET @x=1'),
      { to: 'primary', member: 'db1', reason: 'pinned' },
    ],
    ['BEGIN', 'BEGIN', session, { to: 'primary', member: 'db1', reason: 'transaction' }],
    [
      'BEGIN, READ ONLY by default',
      'BEGIN',
      stateAfter('SET SESSION TRANSACTION READ ONLY'),
      { to: 'replica', member: 'db2', reason: 'fresh replica' },
    ],
  ] as const)('%s', (_name, sql, state, expected) => {
    expect(choose(sql, { session: state })).toEqual(expected);
  });

  test('a write is held while no primary is known, and never goes to an old one', () => {
    expect(choose('DELETE FROM t', { members: [replica] })).toEqual({
      to: 'primary',
      member: undefined,
      reason: 'write',
    });
    const old = { ...primary, epoch: 1 };
    const unreachable: Member = { ...primary, name: 'db3', epoch: 2, state: 'down' };
    expect(choose('DELETE FROM t', { members: [old, unreachable] })).toMatchObject({ member: undefined });
    expect(choose('DELETE FROM t', { members: [old, { ...unreachable, state: 'up' }] })).toMatchObject({
      member: 'db3',
    });
  });
});

describe('a READ ONLY transaction on a replica', () => {
  const begun = stateAfter(
    'START TRANSACTION READ ONLY',
    answered({ member: 'db2', role: 'replica', status: inReadOnly }),
  );
  const used = stateAfter(read, answered({ member: 'db2', role: 'replica', status: inReadOnly }), begun);

  test.each([
    [read, used, { to: 'transaction', member: 'db2' }],
    ['COMMIT', used, { to: 'transaction', member: 'db2' }],
    ['SET NAMES utf8', used, { to: 'transaction', member: 'db2' }],
    ['SHOW WARNINGS', used, { to: 'transaction', member: 'db2' }],
    ['SELECT * FROM t FOR UPDATE', used, { to: 'transaction', member: 'db2' }],
    [
      'INSERT INTO t VALUES (1)',
      begun,
      { to: 'refuse', errno: 1792, reason: 'write in a read only transaction' },
    ],
    ['CREATE TABLE x (a INT)', used, { to: 'primary', member: 'db1', transaction: 'ends' }],
    ['BEGIN', used, { to: 'primary', transaction: 'ends' }],
    ['START TRANSACTION READ ONLY', used, { to: 'primary', transaction: 'ends' }],
    ['SELECT @x := 1', begun, { to: 'primary', transaction: 'moves' }],
    ['SELECT sets()', begun, { to: 'primary', transaction: 'moves' }],
    ['SELECT @@version', used, { to: 'primary', transaction: 'beside' }],
    ['SELECT @x := 1', used, { to: 'primary', transaction: 'beside' }],
    ["SELECT GET_LOCK('a', 1)", used, { to: 'primary', transaction: 'beside' }],
    ['SELECT @x := a FROM t', used, { to: 'refuse', errno: 1105, reason: 'snapshot on a replica' }],
    ['CALL p()', used, { to: 'refuse', errno: 1105, reason: 'snapshot on a replica' }],
    ['SELECT 1; DELETE FROM t', used, { to: 'refuse', errno: 1105 }],
  ] as const)('%s', (sql, state, expected) => {
    expect(choose(sql, { session: state })).toMatchObject(expected);
  });

  test('diagnostics of what ran beside it are asked for there', () => {
    const state = stateAfter('SELECT @@version', answered({ warnings: 1 }), used);
    expect(choose('SHOW WARNINGS', { session: state })).toEqual({
      to: 'last',
      member: 'db1',
      role: 'primary',
      reason: 'diagnostics',
    });
  });
});

describe('which replica', () => {
  test.each([
    ['draining', { state: 'draining' }],
    ['down', { state: 'down' }],
    ['unknown', { state: 'unknown' }],
    ['of unknown lag', { lagMs: undefined }],
    ['too far behind', { lagMs: 1001 }],
    ['without weight', { weight: 0 }],
  ] as const)('none that is %s', (_name, change) => {
    for (const level of ['session', 'host', 'eventual'] as const) {
      expect(choose(read, { level, members: [primary, { ...replica, ...change }] })).toEqual({
        to: 'primary',
        member: 'db1',
        reason: 'no replica',
      });
    }
  });

  test('the one with the least outstanding for its weight', () => {
    const busy = { ...replica, outstanding: 3, weight: 1 };
    expect(choose(read, { members: [primary, busy, { ...second, outstanding: 2 }] })).toMatchObject({
      member: 'db3',
    });
    expect(
      choose(read, { members: [primary, { ...busy, weight: 2 }, { ...second, outstanding: 2 }] }),
    ).toMatchObject({ member: 'db2' });
  });

  test('ties go by spread, and to the one that was read from', () => {
    const members = [replica, second, primary];
    expect(choose(read, { members, spread: 0 })).toMatchObject({ member: 'db2' });
    expect(choose(read, { members, spread: 1 })).toMatchObject({ member: 'db3' });
    const state = { ...session, readFrom: 'db2' };
    expect(choose(read, { members, spread: 1, session: state })).toEqual({
      to: 'replica',
      member: 'db2',
      reason: 'same replica',
    });
  });
});

describe('consistency', () => {
  test('session: what was written must be there', () => {
    expect(choose(read, { session: wrote(10) })).toMatchObject({ to: 'replica' });
    expect(choose(read, { session: wrote(11) })).toEqual({
      to: 'primary',
      member: 'db1',
      reason: 'not applied yet',
    });
  });

  test('positions of another epoch: what is older is included, what is newer is not', () => {
    const newer = { ...replica, epoch: 2 };
    expect(choose(read, { session: wrote(10, 1), members: [primary, newer] })).toMatchObject({
      to: 'replica',
    });
    expect(choose(read, { session: wrote(5, 2) })).toMatchObject({
      to: 'primary',
      reason: 'not applied yet',
    });
  });

  test('an unknown position of the replica is no position', () => {
    const members = [primary, { ...replica, applied: undefined }];
    expect(choose(read, { session: wrote(1), members })).toMatchObject({ reason: 'position unknown' });
    expect(choose(read, { members })).toMatchObject({ to: 'replica' });
  });

  test('what was read on the primary must be there too: by a sample since', () => {
    const state = {
      ...session,
      freshness: withPending(nothingSeen, { member: 'db1', epoch: 1, endedMs: 100 }),
    };
    const members = (askedMs: number, applied: number): Member[] => [
      { ...primary, askedMs, logged: at(12) },
      { ...replica, applied: at(applied) },
    ];
    expect(choose(read, { session: state, members: members(99, 12) })).toMatchObject({
      reason: 'position unknown',
    });
    expect(choose(read, { session: state, members: members(100, 11) })).toMatchObject({
      reason: 'not applied yet',
    });
    expect(choose(read, { session: state, members: members(100, 12) })).toMatchObject({ to: 'replica' });
  });

  test('what was read on a replica: that replica, or one that has what it logged', () => {
    const state: SessionState = {
      ...session,
      freshness: withPending(nothingSeen, { member: 'db2', epoch: 1, endedMs: 100 }),
      readFrom: 'db2',
    };
    const stale = { ...primary, askedMs: 0 };
    const before = { ...replica, askedMs: 0 };
    expect(choose(read, { session: state, members: [stale, before, second] })).toMatchObject({
      member: 'db2',
    });
    const gone: Member = { ...before, state: 'down' };
    expect(choose(read, { session: state, members: [stale, gone, { ...second, askedMs: 0 }] })).toMatchObject(
      { to: 'primary' },
    );
    const asked: Member = { ...gone, askedMs: 100, logged: at(9) };
    expect(choose(read, { session: state, members: [stale, asked, second] })).toMatchObject({
      member: 'db3',
    });
  });

  test('host: what others wrote through this router counts, for session it does not', () => {
    const shared = withStamp(nothingSeen, { epoch: 1, position: at(11) });
    expect(choose(read, { shared })).toMatchObject({ to: 'replica' });
    expect(choose(read, { shared, level: 'host' })).toMatchObject({ reason: 'not applied yet' });
  });

  test('global: the primary must have been asked since the read began', () => {
    expect(choose(read, { level: 'global', beganMs: 101 })).toMatchObject({ reason: 'no position since' });
    expect(choose(read, { level: 'global', beganMs: 100 })).toMatchObject({ to: 'replica' });
    const members = [{ ...primary, logged: at(11) }, replica];
    expect(choose(read, { level: 'global', members })).toMatchObject({ reason: 'not applied yet' });
    expect(choose(read, { level: 'global', members: [replica] })).toMatchObject({
      to: 'primary',
      member: undefined,
    });
  });

  test('eventual: any within the lag bound', () => {
    expect(choose(read, { level: 'eventual', session: wrote(99) })).toEqual({
      to: 'replica',
      member: 'db2',
      reason: 'within the lag bound',
    });
  });

  test.each([
    ['/* tandem:consistency=eventual */', undefined, 'replica'],
    ['/* tandem:replica */', undefined, 'replica'],
    ['/* tandem:replica tandem:consistency=session */', undefined, 'primary'],
    ['/* tandem:consistency=session */', 'eventual', 'primary'],
    ['', 'eventual', 'replica'],
    ['', undefined, 'primary'],
  ] as const)('%s over %s of the session', (hint, consistency, to) => {
    const state = { ...wrote(99), consistency };
    expect(choose(`${hint} ${read}`, { session: state })).toMatchObject({ to });
  });

  test('a short wait, where that is sooner than the primary', () => {
    const members = [primary, { ...replica, applyDelayMs: 5 }, { ...second, applyDelayMs: 3 }];
    const limits = { maxLagMs: 1000, maxWaitMs: 50, primaryDelayMs: 4 };
    expect(choose(read, { session: wrote(11), members, limits })).toEqual({
      to: 'replica',
      member: 'db3',
      reason: 'wait for replica',
      wait: { position: '0-1-11', limitMs: 50 },
    });
    for (const other of [{ primaryDelayMs: 3 }, { maxWaitMs: 2 }, { maxWaitMs: 0 }]) {
      expect(choose(read, { session: wrote(11), members, limits: { ...limits, ...other } })).toMatchObject({
        to: 'primary',
      });
    }
    // MASTER_GTID_WAIT compares sequence numbers only: never for a position of a newer epoch.
    expect(choose(read, { session: wrote(11, 2), members, limits })).toMatchObject({ to: 'primary' });
  });
});

describe('positions', () => {
  const sequence = fc.nat(6);
  const epoch = fc.integer({ min: 1, max: 3 });
  const stamp = fc.record({
    epoch,
    position: fc.tuple(sequence, sequence).map(([a, b]) => [...at(a), { domain: 1, server: 1, sequence: b }]),
  });
  const pending = fc.record({ member: fc.constantFrom('db1', 'db2'), epoch, endedMs: fc.nat(5) });
  const freshness = fc
    .tuple(fc.option(stamp), fc.array(pending, { maxLength: 3 }))
    .map(([own, list]) => list.reduce(withPending, own === null ? nothingSeen : withStamp(nothingSeen, own)));
  const sample = fc
    .record({
      name: fc.constantFrom('db1', 'db2'),
      epoch,
      own: stamp,
      askedMs: fc.nat(5),
      known: fc.boolean(),
    })
    .map(({ name, own, askedMs, known, epoch: of }) => ({
      ...replica,
      name,
      epoch: of,
      askedMs,
      applied: known ? own.position : undefined,
      logged: known ? own.position : undefined,
    }));

  test('a replica that is fresh for two demands is fresh for each', () => {
    fc.assert(
      fc.property(freshness, freshness, sample, (a, b, member) => {
        if (fitness(joinFreshness(a, b), member) !== 'fresh') return;
        expect([fitness(a, member), fitness(b, member)]).toEqual(['fresh', 'fresh']);
      }),
      { numRuns: 5000, seed: 4 },
    );
  });

  test('joining changes nothing that was demanded, and samples never make a demand smaller than what is known', () => {
    fc.assert(
      fc.property(freshness, fc.array(sample, { maxLength: 2 }), sample, (own, samples, member) => {
        expect(fitness(joinFreshness(own, own), member)).toBe(fitness(own, member));
        const later = settle(own, samples);
        if (own.atLeast !== undefined && fitness(later, member) === 'fresh') {
          expect(fitness({ atLeast: own.atLeast, pending: [] }, member)).toBe('fresh');
        }
      }),
      { numRuns: 5000, seed: 4 },
    );
  });

  test('a write settles what was pending on its member in its epoch or before, and nothing else', () => {
    const both = [
      { member: 'db1', epoch: 2, endedMs: 1 },
      { member: 'db2', epoch: 1, endedMs: 1 },
    ].reduce(withPending, nothingSeen);
    expect(
      afterWrite(both, 'db1', { epoch: 2, position: at(1) }).pending.map((entry) => entry.member),
    ).toEqual(['db2']);
    expect(afterWrite(both, 'db1', { epoch: 1, position: at(1) }).pending).toHaveLength(2);
  });
});
