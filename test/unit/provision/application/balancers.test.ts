/** Web hosts out of service and back, against an agent whose HAProxy is a list. The real one: test/real/agent/balancer.test.ts. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Balancers } from '#src/provision/application/balancers.ts';
import type { StackAccess } from '#src/provision/health.ts';
import type { BalancerServer } from '#src/topology/agent-api.ts';
import { type FakeAgents, fakeAgents, stackAt } from '#test/support/fake-agents.ts';
import { waitFor } from '#test/support/wait.ts';

const address = '127.77.52.1';
let agents: FakeAgents;
let access: StackAccess;
let servers: Record<string, BalancerServer> = {};
const web = (host: string): BalancerServer => ({
  host,
  up: true,
  drained: false,
  weight: 1,
  requests: 0,
  check: 'L7OK (HTTP 200)',
});
const change = (host: string, part: Partial<BalancerServer>) => {
  servers[host] = { ...(servers[host] ?? web(host)), ...part };
};

beforeAll(async () => {
  agents = await fakeAgents([address], async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    const host = request.url?.split('/')[4];
    if (request.method === 'PUT' && host !== undefined)
      change(host, { drained: (JSON.parse(body) as { state: string }).state === 'drain' });
    response.end(JSON.stringify({ servers: Object.values(servers) }));
  });
  access = stackAt(address, agents, ['lb-1', 'server-1', 'server-2']);
});
afterAll(() => agents.close());
beforeEach(() => {
  servers = { 'server-1': web('server-1'), 'server-2': web('server-2') };
});

it('a host is out of service when its requests are answered, and back when it is found well', async () => {
  const balancers = await Balancers.open(access);
  change('server-1', { requests: 3 });
  expect(await balancers.drain('server-1', 100)).toBe('busy');
  change('server-1', { requests: 0 });
  expect(await balancers.drain('server-1', 5_000)).toBe('empty');
  expect(servers['server-1']?.drained).toBe(true);
  change('server-1', { up: false, check: 'L7STS (HTTP 500)' });
  await expect(balancers.restore('server-1', 200)).rejects.toMatchObject({
    issues: [{ path: 'lb-1', message: 'its last check of server-1 said L7STS (HTTP 500)' }],
  });
  expect(servers['server-1']?.drained).toBe(false);
});

it('the only one that serves stays in service', async () => {
  const balancers = await Balancers.open(access);
  for (const part of [{ up: false }, { drained: true }, { weight: 0 }]) {
    servers['server-2'] = { ...web('server-2'), ...part };
    expect(await balancers.drain('server-1', 5_000)).toBe('alone');
    expect(servers['server-1']?.drained).toBe(false);
  }
});

it('is put back at once when the others fail meanwhile', async () => {
  const balancers = await Balancers.open(access);
  expect(await balancers.drain('server-1', 5_000)).toBe('empty');
  change('server-2', { up: false });
  await waitFor('server-1 in service', () => servers['server-1']?.drained === false, 5_000);
  await balancers.restore('server-1', 5_000);
});

it('what an interrupted command left out of service is found', async () => {
  change('server-2', { drained: true });
  const balancers = await Balancers.open(access);
  expect(await balancers.restoreAll()).toEqual(['server-2']);
  expect(await balancers.restoreAll()).toEqual([]);
});
