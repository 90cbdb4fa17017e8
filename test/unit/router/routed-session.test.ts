import { expect, test } from 'vitest';
import { RoutedSession, type RoutesContext } from '#src/router/session/routed-session.ts';
import { buildCatalogue } from '#src/routing/catalogue.ts';
import type { Member } from '#src/routing/member.ts';
import { answered, failed } from '../routing/outcomes.ts';

const at = (sequence: number) => [{ domain: 0, server: 1, sequence }];

function member(name: string, role: Member['role'], sequence: number): Member {
  return {
    name,
    role,
    epoch: 1,
    applied: at(sequence),
    logged: at(sequence),
    askedMs: 0,
    state: 'up',
    lagMs: 0,
    applyDelayMs: 1_000,
    weight: 1,
    outstanding: 0,
  };
}

/** Somebody of the account has written transaction 10; the replica has the first 5. */
const context: RoutesContext = {
  catalogue: () => null,
  definitionsChanged: () => undefined,
  members: () => [member('db-1', 'primary', 10), member('db-2', 'replica', 5)],
  want: () => undefined,
  rested: false,
  writesOf: () => ({ atLeast: { epoch: 1, position: at(10) }, pending: [] }),
  wrote: () => undefined,
  wroteUntold: () => undefined,
  publishes: false,
  level: 'session',
  limits: { maxLagMs: 10_000, maxWaitMs: 50, primaryDelayMs: 50 },
  serverVersion: 101_119,
};

const utf8mb4 = 45;
const client = { account: { user: 'app' }, collation: utf8mb4, capabilities: 0 };

test.each([
  ['SELECT 1', 'replica'],
  ['/* tandem:consistency=host */ SELECT 1', 'primary'],
])('a router whose level is session sends %s to the %s', (sql, slot) => {
  const session = new RoutedSession(context, client, 'test');
  const choice = session.choose(session.analyse(Buffer.from(sql), true), 1);
  expect(choice.slot).toBe(slot);
});

test.each([
  ['SELECT 1', true],
  ['/* tandem:replica */ SELECT 1', false],
  ['INSERT INTO t VALUES (1)', false],
])('%s: recent positions are wanted: %s', (sql, expected) => {
  let wanted = false;
  const want = (): void => {
    wanted = true;
  };
  const session = new RoutedSession({ ...context, want }, client, 'test');
  session.choose(session.analyse(Buffer.from(sql), true), 1);
  expect(wanted).toBe(expected);
});

test('a prepared statement is about the schema in which it was prepared', () => {
  const plain = { schema: 'test', name: 't', engine: 'InnoDB' };
  const catalogue = buildCatalogue({ tables: [plain], views: [], routines: [], triggers: [] });
  const session = new RoutedSession({ ...context, catalogue: () => catalogue }, client, 'test');
  const run = (statement: ReturnType<RoutedSession['analyse']>) => {
    const { slot, reason } = session.choose(statement, 1);
    session.answered(statement, answered());
    return { slot, reason };
  };
  const read = Buffer.from('SELECT * FROM t');
  const prepared = session.analysePrepared(read, true);
  const make = session.analysePrepared(Buffer.from('CREATE TEMPORARY TABLE x (i INT)'), true);
  run(session.useSchema('other'));
  expect(run(prepared)).toEqual({ slot: 'replica', reason: 'fresh replica' });
  expect(run(session.analyse(read, true))).toEqual({ slot: 'primary', reason: 'table unknown' });
  run(make);
  expect(session.state.pins.map(({ name }) => name)).toEqual(['test.x']);
  expect(session.schema).toBe('other');
});

test.each([
  ['SELECT LAST_INSERT_ID()', true],
  ['INSERT INTO asks VALUES (1)', true],
  ['INSERT INTO quiet VALUES (1)', true],
  ['INSERT INTO plain VALUES (1)', false],
  ['SELECT * FROM last', true],
  ['SELECT * FROM asks', false],
])('%s is told the last insert id: %s', (sql, expected) => {
  const trigger = { schema: 'test', sqlMode: '' };
  const catalogue = buildCatalogue({
    tables: ['asks', 'quiet', 'plain'].map((name) => ({ schema: 'test', name, engine: 'InnoDB' })),
    views: [{ schema: 'test', name: 'last', definition: 'select last_insert_id() AS `id`' }],
    routines: [],
    triggers: [
      { ...trigger, table: 'asks', body: 'SET NEW.a = LAST_INSERT_ID()' },
      { ...trigger, table: 'quiet', body: 'INSERT INTO asks VALUES (NEW.a)' },
    ],
  });
  const session = new RoutedSession({ ...context, catalogue: () => catalogue }, client, 'test');
  session.answered(session.analyse(Buffer.from('SET last_insert_id = 5'), true), answered());
  const { prelude } = session.choose(session.analyse(Buffer.from(sql), true), 1);
  expect(prelude).toBe(expected ? 'SET SESSION last_insert_id = 5' : undefined);
});

test('after a rest the members are asked before a read is given to the primary for want of a replica', () => {
  const members = () => context.members().map((each) => ({ ...each, lagMs: undefined }));
  const choiceOf = (rested: boolean) => {
    const session = new RoutedSession({ ...context, members, rested }, client, 'test');
    return session.choose(session.analyse(Buffer.from('/* tandem:replica */ SELECT 1'), true), 1);
  };
  expect(choiceOf(true)).toMatchObject({ slot: 'primary', reason: 'no replica', sampleFirst: true });
  expect(choiceOf(false)).toMatchObject({ slot: 'primary', reason: 'no replica', sampleFirst: false });
});

const written = answered({ position: at(11) });

test.each([
  ['CREATE TABLE t (a INT)', answered(), true],
  ['DROP TABLE t, nonsense', failed(), true],
  ['DROP TABLE t, denied', failed({ errno: 1142 }), false],
  ['DROP TABLE t; DROP TABLE denied', failed({ errno: 1142 }), true],
  ['SELEC 1', failed(), false],
  ['CREAT TABLE t', failed(), false],
  ["SELECT {d '2024-01-01'}, created_at FROM t", answered(), false],
  ['CREATE TABLE t (a INT); SELECT {d 1}', written, true],
  ['DROP TABLE t; SELECT [', failed(), false],
  ['DROP TABLE t; SELECT [', failed({ position: at(11) }), true],
  ['SELECT [; /*!50000DROP VIEW v*/', answered(), true],
])('%s, answered so: %o: definitions may have changed: %s', (sql, outcome, expected) => {
  let changed = false;
  const definitionsChanged = (): void => {
    changed = true;
  };
  const session = new RoutedSession({ ...context, definitionsChanged }, client, 'test');
  const statement = session.analyse(Buffer.from(sql), true);
  session.answered(undefined, answered(), statement);
  expect(changed).toBe(false);
  session.answered(statement, outcome);
  expect(changed).toBe(expected);
});

test.each([
  ["INSERT INTO t (created_at) VALUES ('x')", false],
  ['CREATE OR REPLACE VIEW v AS SELECT 1', true],
])('in a foreign SQL mode: %s: definitions may have changed: %s', (sql, expected) => {
  let changed = 0;
  const definitionsChanged = (): void => {
    changed++;
  };
  const session = new RoutedSession({ ...context, definitionsChanged }, client, 'test');
  session.answered(session.analyse(Buffer.from("SET sql_mode='ORACLE'"), true), answered());
  const statement = session.analyse(Buffer.from(sql), true);
  expect(statement.class).toBe('unknown');
  session.answered(statement, written);
  expect(changed).toBe(expected ? 1 : 0);
});
