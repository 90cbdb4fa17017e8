/** Agents that are away, or die while they answer: an operation that failed, and no bug of the command's. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askAgent } from '#src/adapters/agent-client.ts';
import { list } from '#src/cli/firewall.ts';
import { switchOver } from '#src/provision/gates.ts';
import type { StackAccess } from '#src/provision/health.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';
import { type FakeAgents, fakeAgents } from '#test/support/fake-agents.ts';

const [broken, failing, away] = ['127.77.54.1', '127.77.54.2', '127.77.54.3'] as const;
let agents: FakeAgents;
let access: StackAccess;
/** Where each of the four hosts' agents is. */
let addresses: readonly string[];

beforeAll(async () => {
  agents = await fakeAgents([broken, failing], (request, response, address) => {
    response.writeHead(500, { 'content-type': 'application/json' });
    if (address === failing) response.end('{"title":"Failed"}');
    else response.write('{"title":', () => request.socket.destroy());
  });
  const spec = referenceSpec();
  access = {
    spec,
    infrastructure: {
      driver: () => ({ services: () => Promise.resolve([]) }) as never,
      agent: (name) => {
        const address = addresses[spec.hosts.findIndex((host) => host.name === name)];
        return address === undefined
          ? Promise.reject(new Error(`no host ${name}`))
          : Promise.resolve({ address });
      },
      site: () => Promise.reject(new Error('is not asked here')),
    },
    operator: () => Promise.resolve(agents.identity),
    caFile: '',
  };
});
afterAll(() => agents.close());

it('an answer that breaks off is none', async () => {
  const asked = askAgent({ address: broken }, await access.operator(), { path: '/x', timeoutMs: 2_000 });
  await expect(asked).rejects.toMatchObject({ code: 'agent-unreachable' });
});

it('the block-list says of each agent why it is not known', async () => {
  addresses = [away, broken, failing, away];
  const error = await list(access as never, false).catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: 'agent-unreachable' });
  expect((error as { issues: { path: string; message: string }[] }).issues).toEqual([
    { path: 'lb-1', message: expect.stringContaining('ECONNREFUSED') },
    { path: 'lb-2', message: expect.stringContaining('did not answer') },
    { path: 'server-1', message: 'server-1: Failed' },
    { path: 'server-2', message: expect.stringContaining('ECONNREFUSED') },
  ]);
});

it('the primary is not moved while nobody leads', async () => {
  addresses = [away, away, away, away];
  await expect(switchOver(access)).rejects.toMatchObject({ code: 'switchover-refused' });
});
