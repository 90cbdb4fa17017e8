/** Who may do what at the agent's API, by the name in the caller's certificate. */
import { describe, expect, it } from 'vitest';
import { EtcdError } from '#src/adapters/etcd/errors.ts';
import { createLog } from '#src/adapters/log.ts';
import { createApp } from '#src/agent/api/server.ts';
import type { AgentContext } from '#src/agent/context.ts';
import { one, Readings } from '#src/agent/metrics/gauges.ts';
import { agentMetricsPaths, monitoringName } from '#src/topology/monitoring.ts';

const metrics = new Readings();
metrics.gauge('tandem_test', 'x', [], () => one(1));
const context = {
  config: { host: 'lb-1' },
  log: createLog(() => undefined, 'agent'),
} as unknown as AgentContext;
const blocklist = { list: () => [] } as never;
const app = createApp(context, { status: () => ({}) as never, blocklist, database: undefined, metrics });

async function ask(name: string, method: string, path: string, of = app): Promise<number> {
  const socket = { getPeerCertificate: () => ({ subject: { CN: name } }) };
  return (await of.request(path, { method }, { incoming: { socket } })).status;
}

describe('a certificate of what monitors', () => {
  it('reads metrics', async () => {
    expect(await ask(monitoringName, 'GET', agentMetricsPaths.agent)).toBe(200);
    // Not a web host: there is nothing to tell.
    expect(await ask(monitoringName, 'GET', agentMetricsPaths.nginx)).toBe(404);
  });

  it.each([
    ['GET', '/v1/status'],
    ['GET', '/v1/database/history'],
    ['GET', '/v1/clone'],
    ['POST', '/v1/database/switchover'],
    ['POST', '/v1/database/failover'],
    ['PUT', '/v1/database/maintenance'],
    ['POST', '/v1/blocklist'],
    ['DELETE', '/v1/blocklist/192.0.2.1'],
    ['POST', '/metrics'],
    ['GET', '/metrics/../v1/status'],
    ['GET', '/metrics/'],
  ])('does nothing else: %s %s', async (method, path) => {
    expect(await ask(monitoringName, method, path)).toBe(403);
  });

  it('is no other', async () => {
    expect(await ask('server-1', 'GET', '/v1/status')).toBe(200);
    expect(await ask('operator', 'GET', agentMetricsPaths.agent)).toBe(200);
  });
});

it('says that etcd does not answer, and not that it failed itself', async () => {
  const etcd = {
    range: async () => {
      throw new EtcdError('unavailable', 'nobody there');
    },
  };
  const away = createApp({ ...context, etcd } as unknown as AgentContext, {
    status: () => ({}) as never,
    blocklist,
    database: { etcd } as never,
    metrics,
  });
  expect(await ask('dashboard', 'GET', '/v1/traffic', away)).toBe(503);
  expect(await ask('dashboard', 'GET', '/v1/database/history', away)).toBe(503);
});
