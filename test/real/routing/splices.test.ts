/**
 * Statements that nobody wrote: the beginning of one from the table with the end of another. Whatever of them is said to
 * be for replicas, and the server understands, must leave nothing behind.
 */
import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { analyse } from '#src/routing/analyse.ts';
import type { Catalogue } from '#src/routing/catalogue.ts';
import { Lexer } from '#src/routing/lexer.ts';
import { defaultModes } from '#src/routing/modes.ts';
import { resolve } from '#src/routing/resolve.ts';
import { token } from '#src/routing/token.ts';
import { removeDirectories } from '#test/real/mariadb/data-directory.ts';
import { RawClient, STATE_CHANGED } from '#test/real/mariadb/raw-client.ts';
import { disposeServers, MariadbServer } from '#test/real/mariadb/server.ts';
import { readFromServer } from '#test/real/routing/catalogue.ts';
import { seededRandom } from '#test/support/random.ts';
import { schema } from '#test/unit/routing/table/schema.ts';
import { table } from '#test/unit/routing/table/table.ts';

let server: MariadbServer;
let catalogue: Catalogue;

beforeAll(async () => {
  server = await MariadbServer.create('splices', [
    'server-id=1',
    'max-statement-time=1',
    'session-track-system-variables=*',
    'session-track-schema=ON',
    'session-track-state-change=ON',
    'log-bin-trust-function-creators=ON',
  ]);
  await server.start();
  await server.run('USE test', ...schema);
  catalogue = await readFromServer(server);
});
afterAll(async () => {
  await disposeServers();
  removeDirectories();
});

/** Where the tokens of a statement begin. */
function cuts(sql: string): number[] {
  const lexer = new Lexer();
  lexer.start(Buffer.from(sql), defaultModes);
  const result: number[] = [];
  while (lexer.nextStatement() !== token.end) result.push(lexer.from);
  return result;
}

/** Statements for replicas, by the seed: what is before a cut of one and behind a cut of another, or one inside the other. */
function splices(seed: number, count: number): string[] {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const sources = table
    .filter((row) => row.class === 'read' && row.sql.length > 9)
    .map((row) => Buffer.from(row.sql));
  const places = new Map(sources.map((source) => [source, cuts(source.toString())]));
  const result = new Set<string>();
  for (let tries = 0; result.size < count && tries < count * 60; tries++) {
    const [a, b] = [pick(sources), pick(sources)];
    const from = pick(places.get(a) ?? [0]);
    const to = pick(places.get(b) ?? [0]);
    const inside =
      random() < 0.4 ? ` (${b.toString()}) ${a.subarray(from).toString()}` : ` ${b.subarray(to).toString()}`;
    const sql = a.subarray(0, from).toString() + inside;
    if (resolve(analyse(sql), 'test', catalogue).target === 'replica') result.add(sql);
  }
  return [...result];
}

test('leave no transaction, no session state, no lock and no user variable', async () => {
  const raw = await RawClient.connect(server.socketPath, { deprecateEof: true });
  const second = await server.connect();
  await raw.query('USE test');
  const before = await server.value('SELECT @@gtid_binlog_pos');
  const statements = splices(4, 4000);
  const understood: string[] = [];
  for (const sql of statements) {
    const parts = await raw.query(sql);
    if (parts.some((part) => part.errno !== 0)) continue;
    understood.push(sql);
    // SET STATEMENT reports the variables that it has put back.
    const changed = parts.some((part) => part.otherState || (part.status & STATE_CHANGED) !== 0);
    if (!sql.includes('SET STATEMENT')) expect([sql, changed]).toEqual([sql, false]);
  }
  // Fewer would show little.
  expect(understood.length).toBeGreaterThan(400);
  expect(await server.value('SELECT @@gtid_binlog_pos')).toBe(before);
  raw.close();

  const left =
    'SELECT RELEASE_ALL_LOCKS() AS locks, @x IS NULL AND @y IS NULL AND @sets IS NULL AS unset, @@last_insert_id AS id';
  for (const sql of understood) {
    await second.query(sql);
    const [rows] = await second.query<RowDataPacket[]>(left);
    expect([sql, rows[0]]).toEqual([sql, { locks: 0, unset: 1, id: 0 }]);
  }
}, 60_000);
