/** What the agents tell, as `tandem status` shows it and `up` waits for it; the agents answer as told. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { render } from '#src/cli/status.ts';
import { readStatus, type StackAccess } from '#src/provision/health.ts';
import type { AgentStatus } from '#src/topology/agent-api.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';
import { type FakeAgents, fakeAgents } from '#test/support/fake-agents.ts';

const hosts = ['lb-1', 'lb-2', 'server-1', 'server-2'];
const addressOf = (host: string) => `127.77.53.${hosts.indexOf(host) + 1}`;
let servers: FakeAgents;
let access: StackAccess;
let agents: Record<string, AgentStatus> = {};

function agent(host: string, more: Partial<AgentStatus> = {}): AgentStatus {
  const database = {
    role: host === 'server-1' ? 'primary' : 'replica',
    ready: true,
    sync: host === 'server-2',
    lagSeconds: null,
    epoch: 7,
    sinceMs: 0,
    received: null,
    failover: { possible: true, reason: `server-2 would take over, says ${host}` },
    explanation: '',
  } as const;
  const balancer = { heldAddresses: host === 'lb-1' ? ['10.77.0.100'] : [], haproxyHealthy: true };
  return {
    host,
    stackId: '',
    startedMs: 0,
    quorum: { reachable: true, atMs: 0 },
    clockOffsetsMs: {},
    blocklistEntries: 0,
    warnings: [],
    ...(host.startsWith('lb') ? { balancer: { ...balancer, drained: [], standsBack: false } } : { database }),
    ...more,
  };
}

const withoutQuorum = (...names: string[]) => {
  for (const name of names) agents[name] = agent(name, { quorum: { reachable: false, atMs: 0 } });
};

beforeAll(async () => {
  vi.stubEnv('NO_COLOR', '1');
  servers = await fakeAgents(hosts.map(addressOf), (_request, response, address) => {
    const host = hosts.find((name) => addressOf(name) === address) ?? '';
    response.end(JSON.stringify(agents[host]));
  });
  const service = { name: 'agent', state: 'running', pid: 1, sinceMs: 0, reason: null };
  access = {
    spec: referenceSpec(),
    infrastructure: {
      driver: () => ({ services: () => Promise.resolve([service]) }) as never,
      agent: (host) => Promise.resolve({ address: addressOf(host) }),
      site: () => Promise.reject(new Error('is not asked here')),
    },
    operator: () => Promise.resolve(servers.identity),
    caFile: '',
  };
});
afterAll(() => {
  vi.unstubAllEnvs();
  servers.close();
});
beforeEach(() => {
  agents = Object.fromEntries(hosts.map((host) => [host, agent(host)]));
});

async function look() {
  const { problems, ...status } = await readStatus(access);
  const ofAgents = problems.filter((problem) => !problem.includes('is not asked here'));
  return { ...status, problems: ofAgents, text: render({ ...status, problems: ofAgents }, []) };
}

describe('the quorum', () => {
  it('that does not answer an agent is a problem of its host', async () => {
    expect((await look()).problems).toEqual([]);
    withoutQuorum('lb-2');
    expect((await look()).problems).toEqual([
      "lb-2: the quorum does not answer its agent; see 'tandem logs' of etcd's hosts",
    ]);
  });

  it('says through whoever reaches it whether a failover would succeed', async () => {
    const told = async () => (await look()).database.failover;
    expect(await told()).toMatchObject({ known: true, reason: 'server-2 would take over, says server-1' });
    withoutQuorum('server-1');
    expect(await told()).toMatchObject({ known: true, reason: 'server-2 would take over, says server-2' });
    withoutQuorum('server-1', 'server-2');
    expect(await told()).toMatchObject({ known: false, possible: false });
    expect((await look()).text).toContain(
      "whether a failover would succeed is not known: the quorum does not answer the database hosts' agents",
    );
  });
});

it('warnings are shown with their host, and are no problem', async () => {
  agents['server-2'] = agent('server-2', { warnings: ['The clock differs.'] });
  const { problems, warnings, text } = await look();
  expect(problems).toEqual([]);
  expect(warnings).toEqual(['server-2: The clock differs.']);
  expect(text).toContain('\n  ~ server-2: The clock differs.\n');
});
