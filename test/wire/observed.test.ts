/** What is counted, logged and served of statements. */

import { statSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { command } from '#src/mysql-wire/commands.ts';
import { encodeErr } from '#src/mysql-wire/err-packet.ts';
import { commandPacket, packetOf } from '#src/mysql-wire/framing.ts';
import { okPacket } from '#src/mysql-wire/ok-packet.ts';
import { ControlEndpoint } from '#src/router/operation/control.ts';
import type { TopStatement } from '#src/router/operation/top-statements.ts';
import { packets, resultSet } from '../unit/mysql-wire/answers.ts';
import { controlOf, type Front, startFront, viewOf } from './front.ts';
import { RawClient } from './raw-client.ts';

let front: Front;
let control: ControlEndpoint;
let client: RawClient;
const lines: string[] = [];

beforeEach(async () => {
  lines.length = 0;
  const log = { info: (text: string) => lines.push(text), warn: () => undefined };
  front = await startFront({ slowStatementMs: 50, bufferTimeoutMs: 200 }, log);
  control = await ControlEndpoint.open(controlOf(front.router), `${front.path}.control`);
  client = await RawClient.loggedIn(front.path);
});

afterEach(() => {
  control.close();
  front.close();
});

async function ask(sql: string): Promise<void> {
  client.received = Buffer.alloc(0);
  client.socket.write(commandPacket(command.query, Buffer.from(sql)));
  await client.until(7, 3_000);
  await sleep(5);
}

function http(method: string, path: string, body = ''): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: `${front.path}.control`, method, path }, async (answer) => {
      const text = Buffer.concat(await answer.toArray()).toString();
      resolve({ status: answer.statusCode ?? 0, text });
    });
    call.on('error', reject);
    call.end(body);
  });
}

async function metrics(): Promise<ReadonlyMap<string, number>> {
  const { text } = await http('GET', '/metrics');
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

test('statements, rows, bytes, latencies, reasons and errors are counted', async () => {
  const rows = packets(resultSet(['a', 'b', 'c'], true));
  front.server.reply = (payload) => {
    if (payload.includes('nowhere'))
      return [packetOf(encodeErr({ errno: 1146, sqlState: '42S02', message: 'no' }), 1)];
    return payload.includes('SELECT') ? [rows] : undefined;
  };
  await ask('SELECT a FROM t');
  await ask('SELECT a FROM t');
  await ask('SELECT a FROM nowhere');
  await ask('INSERT INTO t VALUES (1)');
  const seen = await metrics();
  const of = (name: string, labels: string) => seen.get(`tandem_router_${name}{${labels}}`);
  const read = 'member="db-1",class="read"';
  expect(of('statements_total', read)).toBe(3);
  expect(of('rows_total', read)).toBe(6);
  expect(of('response_bytes_total', read)).toBeGreaterThanOrEqual(2 * rows.length);
  expect(of('statement_errors_total', read)).toBe(1);
  expect(of('statement_seconds_bucket', `${read},le="+Inf"`)).toBe(3);
  expect(of('statement_seconds_count', read)).toBe(3);
  expect(of('statement_seconds_sum', read)).toBeGreaterThan(0);
  expect(of('statements_total', 'member="db-1",class="write"')).toBe(1);
  expect(of('routed_total', 'slot="primary",reason="write"')).toBe(1);
  expect(of('errors_total', 'kind="server"')).toBe(1);
  expect(of('pool_connections', 'member="db-1",role="primary"')).toBeGreaterThan(0);
  expect(of('connects_total', 'member="db-1"')).toBeGreaterThan(0);
  expect(seen.get('tandem_router_sessions')).toBe(1);
  expect(seen.get('tandem_router_client_connections')).toBe(1);
});

test('what failed is counted by its kind, and what waits is seen', async () => {
  front.server.reply = (payload) => (payload.includes('dies') ? ['end'] : undefined);
  await ask('UPDATE dies SET a = 1');
  front.topology.set({ primary: undefined, epoch: 1, members: [] });
  const waiting = ask('UPDATE t SET a = 1');
  await sleep(50);
  expect((await metrics()).get('tandem_router_held_statements')).toBe(1);
  await waiting;
  const seen = await metrics();
  expect(seen.get('tandem_router_errors_total{kind="outcome unknown"}')).toBe(1);
  expect(seen.get('tandem_router_errors_total{kind="not executed"}')).toBe(1);
  expect(seen.get('tandem_router_connections_broken_total{member="db-1"}')).toBe(1);
  expect(seen.get('tandem_router_held_statements')).toBe(0);
  expect(seen.get('tandem_router_held_total')).toBe(1);
  expect(seen.get('tandem_router_waiting_bytes')).toBe(0);
});

test('a slow statement is logged and listed by its shape, without its values', async () => {
  let slow = true;
  const { reply } = front.server;
  front.server.reply = (payload) => {
    if (!payload.includes('secret') || !slow) return reply(payload);
    const untilMs = performance.now() + 60;
    while (performance.now() < untilMs);
    return [okPacket({ status: 2 }, 1)];
  };
  await ask("UPDATE t SET a = 'secret' WHERE id = 7");
  await ask(`UPDATE t SET b = 'secret${'x'.repeat(4_000)}'`);
  slow = false;
  await ask("UPDATE fast SET a = 'secret'");
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(
    /^slow statement: \d+ ms on db-1 \(write\); .*app, connection \d+: update t set a = \? where id = \?$/,
  );
  expect(lines[1]).toMatch(/update t set b = \?\s?…$/);
  expect(lines.join()).not.toContain('secret');
  const { text } = await http('GET', '/status');
  const { topStatements } = JSON.parse(text);
  const shapes = topStatements.map(({ fingerprint }: TopStatement) => fingerprint);
  expect(shapes).toContain('update t set a = ? where id = ?');
  expect(topStatements[0].longestMs).toBeGreaterThan(50);
  expect(text).not.toContain('secret');
});

test('explain says where a statement would go, and sends nothing', async () => {
  const before = front.server.commands.length;
  const answer = JSON.parse((await http('POST', '/explain', '{"sql": "UPDATE t SET a = 1"}')).text);
  expect(answer).toMatchObject({
    class: 'write',
    slot: 'primary',
    member: 'db-1',
    reason: 'write',
    because: 'it writes',
    consistency: 'global',
    fingerprint: 'update t set a = ?',
  });
  expect(front.server.commands.slice(before).filter((payload) => payload.includes('UPDATE'))).toEqual([]);
  front.topology.set({ ...viewOf(1), primary: undefined, members: [] });
  const held = JSON.parse((await http('POST', '/explain', '{"sql": "DELETE FROM t"}')).text);
  expect(held).toMatchObject({ slot: 'primary', member: null });
  expect((await http('POST', '/explain', '{"sql": 1}')).status).toBe(400);
  expect((await http('POST', '/explain', 'nonsense')).status).toBe(400);
  expect((await http('POST', '/explain', '{"sql": "SELECT 1", "user": "nobody"}')).status).toBe(404);
});

test('the control endpoint is the owner’s alone, and its file goes with it', () => {
  expect(statSync(`${front.path}.control`).mode & 0o777).toBe(0o600);
  control.close();
  expect(() => statSync(`${front.path}.control`)).toThrow('ENOENT');
});
