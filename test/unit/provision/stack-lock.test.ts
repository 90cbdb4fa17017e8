/** The command's side of the lock, against an agent that answers as told. Its other side: test/real/agent/balancer.test.ts. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { StackAccess } from '#src/provision/health.ts';
import { withOperation } from '#src/provision/stack-lock.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { type FakeAgents, fakeAgents, stackAt } from '#test/support/fake-agents.ts';
import { sleep } from '#test/support/wait.ts';

const address = '127.77.51.1';
let agents: FakeAgents;
let access: StackAccess;
let state = '';
let asked: string[] = [];
/** What was sent along. */
let bodies: string[] = [];
/** Answers by method; without one the request has none. */
let answers: Record<string, { status: number; body: object } | undefined> = {};

const reporter: Reporter = { step: (_host, _title, work) => work(), note: () => undefined };
const work = (task: (reporter: Reporter) => Promise<unknown>, command = 'up') =>
  withOperation({ access, stateDirectory: state, command, reporter }, task);
const taken = { status: 201, body: { taken: true, ttlSeconds: 1 } };

beforeAll(async () => {
  agents = await fakeAgents([address], (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.setEncoding('utf8').on('data', (text: string) => bodies.push(text));
    const answer = answers[request.method ?? ''];
    if (answer === undefined) return request.socket.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    return response.end(JSON.stringify(answer.body));
  });
  access = stackAt(address, agents, ['lb-1']);
});
afterAll(() => agents.close());
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'tandem-lock-'));
  asked = [];
  bodies = [];
  answers = { POST: taken, PUT: { status: 200, body: { held: true } }, DELETE: { status: 204, body: {} } };
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

const id = () => readFileSync(join(state, 'operation-id'), 'utf8');

it('is taken, and given back', async () => {
  await work(async () => expect(asked).toEqual([`POST /v1/operation/${id()}`]));
  expect(asked[1]).toMatch(/^DELETE/);
  expect(existsSync(join(state, 'operation-id'))).toBe(false);
});

it('of somebody else is named', async () => {
  const holder = { by: 'anna@desk', pid: 7, command: 'deploy ./app', sinceMs: 0 };
  answers['POST'] = { status: 409, body: { taken: false, holder } };
  await expect(work(() => Promise.reject(new Error('worked')))).rejects.toThrow(
    "'tandem deploy ./app' of anna@desk (process 7) since 1970-01-01T00:00:00.000Z is working on this stack.",
  );
});

it('that a killed command left is given back before the next is taken', async () => {
  writeFileSync(join(state, 'operation-id'), '4711');
  await work(async () => undefined);
  expect(asked.slice(0, 2)).toEqual(['DELETE /v1/operation/4711', expect.stringMatching(/^POST/)]);
});

it('that is lost stops the work before the next step', async () => {
  const done: string[] = [];
  const steps = work(async (guarded) => {
    await guarded.step('', 'first', async () => done.push('first'));
    await sleep(1_200);
    await guarded.step('', 'second', async () => done.push('second'));
  });
  await expect(steps).rejects.toMatchObject({ code: 'lock-lost' });
  expect(done).toEqual(['first']);
});

it('is this machine’s alone while nobody reaches the quorum', async () => {
  answers['POST'] = { status: 503, body: {} };
  await work(async (guarded) => {
    await sleep(1_200);
    await guarded.step('', 'goes on', async () => undefined);
    await expect(work(async () => undefined, 'deploy')).rejects.toMatchObject({ code: 'stack-busy' });
  });
});

it('names a long command by its beginning', async () => {
  await work(async () => undefined, `deploy ./${'x'.repeat(400)}`);
  const { command } = JSON.parse(bodies[0] ?? '{}') as { command: string };
  expect(command).toBe(`deploy ./${'x'.repeat(291)}`);
});

it('that an agent refuses is told in its words', async () => {
  answers['POST'] = { status: 422, body: { detail: 'The identity is a number.' } };
  await expect(work(() => Promise.reject(new Error('worked')))).rejects.toMatchObject({
    code: 'agent-refused',
    message: expect.stringContaining('The identity is a number.'),
  });
});
