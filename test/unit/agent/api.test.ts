/** Who may do what at the agent's API, by the name in the caller's certificate. */
import { describe, expect, it } from 'vitest';
import { EtcdError } from '#src/adapters/etcd/errors.ts';
import { createLog } from '#src/adapters/log.ts';
import { createApp } from '#src/agent/api/server.ts';
import type { AgentContext } from '#src/agent/context.ts';
import { one, Readings } from '#src/agent/metrics/gauges.ts';
import { type ApplicationRecord, keptEvents, withEvent } from '#src/topology/application.ts';
import type { KnownHost } from '#src/topology/known-hosts.ts';
import { agentMetricsPaths, monitoringName } from '#src/topology/monitoring.ts';

const metrics = new Readings();
metrics.gauge('tandem_test', 'x', [], () => one(1));
const context = {
  config: { host: 'lb-1' },
  log: createLog(() => undefined, 'agent'),
  etcd: { txn: async () => ({ succeeded: true, revision: 2 }) },
} as unknown as AgentContext;
const blocklist = { list: () => [] } as never;
const app = createApp(context, { status: () => ({}) as never, blocklist, database: undefined, metrics });

async function ask(name: string, method: string, path: string, body?: object, of = app): Promise<number> {
  const socket = { getPeerCertificate: () => ({ subject: { CN: name } }) };
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  return (await of.request(path, init, { incoming: { socket } })).status;
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

describe('a record', () => {
  it('may be that of a thousand hosts', async () => {
    const hosts = Array.from(
      { length: 1_000 },
      (_, index): KnownHost => ({
        name: `a-host-with-a-long-name-${index}`,
        address: '10.177.100.100',
        roles: ['balancer', 'web', 'database', 'quorum'],
        weight: 100,
        ssh: `somebody@a-host-with-a-long-name-${index}.example.com`,
        interface: 'enp0s31f6',
        state: 'joining',
      }),
    );
    expect(await ask('operator', 'PUT', '/v1/hosts', { record: { hosts }, revision: 1 })).toBe(200);
  });

  it('may be that of many releases, whatever went wrong with them', async () => {
    let record: ApplicationRecord = { current: '', canary: null, underWay: null, history: [] };
    const event = { release: '758c90280a9f0eef', change: 'failed', by: 'me@here', atMs: 0 } as const;
    for (let count = 0; count < keptEvents + 1; count += 1)
      record = withEvent(record, { ...event, detail: '\u0001'.repeat(100_000) });
    expect(record.history).toHaveLength(keptEvents);
    expect(await ask('operator', 'PUT', '/v1/application', { record, revision: 1 })).toBe(200);
  });

  it('has an end', async () => {
    const record = { text: 'x'.repeat(1024 * 1024) };
    expect(await ask('operator', 'PUT', '/v1/hosts', { record, revision: 1 })).toBe(413);
    expect(await ask('operator', 'POST', '/v1/blocklist', { reason: 'x'.repeat(16 * 1024) })).toBe(413);
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
  expect(await ask('dashboard', 'GET', '/v1/traffic', undefined, away)).toBe(503);
  expect(await ask('dashboard', 'GET', '/v1/database/history', undefined, away)).toBe(503);
});
