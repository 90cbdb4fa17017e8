/** Records that are kept in etcd through an agent, which answers as told. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { StackAccess } from '#src/provision/health.ts';
import { SharedRecord } from '#src/provision/shared-record.ts';
import { type FakeAgents, fakeAgents, stackAt } from '#test/support/fake-agents.ts';

const address = '127.77.57.1';
let agents: FakeAgents;
let access: StackAccess;
let directory = '';
const answered = { status: 200, body: { record: { of: 'before' }, revision: 3 } };
let read: { status: number; body: object } = answered;
let written: { status: number; body: object } = { status: 200, body: {} };

beforeAll(async () => {
  agents = await fakeAgents([address], (request, response) => {
    const { status, body } = request.method === 'PUT' ? written : read;
    request.resume().on('end', () => response.writeHead(status).end(JSON.stringify(body)));
  });
  access = stackAt(address, agents, ['lb-1']);
});
afterAll(() => agents.close());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tandem-record-'));
  read = answered;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function open(): Promise<{ record: SharedRecord<object>; file: string }> {
  const file = join(directory, 'record.json');
  const record = new SharedRecord<object>(access, { path: '/v1/hosts', file, what: 'the hosts' });
  await record.read();
  return { record, file };
}

it('a record that was written has a copy here', async () => {
  const { record, file } = await open();
  written = { status: 200, body: { revision: 4 } };
  await record.write({ of: 'now' });
  expect(record.record).toEqual({ of: 'now' });
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ of: 'now' });
});

it.each([
  [400, { title: 'Bad request' }, 'An agent did not record the hosts: Bad request'],
  [413, { detail: 'A body has at most 9 bytes.' }, 'did not record the hosts: A body has at most 9 bytes.'],
  [422, {}, 'did not record the hosts: the agent answered 422'],
])('one that an agent refused with %s was not written', async (status, body, message) => {
  const { record, file } = await open();
  written = { status, body };
  await expect(record.write({ of: 'now' })).rejects.toMatchObject({
    code: 'agent-refused',
    message: expect.stringContaining(message),
  });
  expect(record.record).toEqual({ of: 'before' });
  expect(existsSync(file)).toBe(false);
});

it.each(['', '{"of": "be', 'null'])('a damaged copy (%j) is told where it would count', async (text) => {
  writeFileSync(join(directory, 'record.json'), text);
  expect((await open()).record.record).toEqual({ of: 'before' });
  read = { status: 503, body: {} };
  await expect(open()).rejects.toMatchObject({
    code: 'record-unreadable',
    message: `${directory}/record.json, this machine's copy of the hosts, is damaged.`,
    hint: expect.stringContaining('remove it'),
  });
});
