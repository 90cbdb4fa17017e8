/** The balancer's part of the API: what HAProxy thinks of the web hosts, and taking one out of service for a while. */
import type { Hono } from 'hono';
import { haproxyServers, setServerState } from '#src/adapters/haproxy/runtime.ts';
import type { BalancerServer } from '#src/topology/agent-api.ts';
import { webBackend } from '#src/topology/backend.ts';
import type { AgentContext } from '../context.ts';
import type { Env } from './environment.ts';
import { Problem } from './problem.ts';

export interface StandsBack {
  standBack(isBack: boolean): Promise<void>;
}

export function balancerRoutes(
  app: Hono<Env>,
  context: AgentContext,
  balancer: StandsBack | undefined,
): void {
  const socket = (): string => {
    const { balancer } = context.config;
    if (balancer === undefined) throw new Problem(404, 'No balancer', 'This host has no balancer.');
    return balancer.haproxySocket;
  };
  app.get('/v1/balancer/servers', async (c) => c.json({ servers: await balancerServers(socket()) }));
  app.put('/v1/balancer/servers/:host', async (c) => {
    const host = c.req.param('host');
    const { state } = (await c.req.json().catch(() => ({}))) as { state?: unknown };
    if (state !== 'drain' && state !== 'ready') {
      throw new Problem(422, 'No such state', "`state` is 'drain' or 'ready'.");
    }
    if (!context.config.peers.some(({ name, roles }) => name === host && roles.includes('web'))) {
      throw new Problem(404, 'No such web host', `${host} is no web host of this stack.`);
    }
    await orProblem(() => setServerState(socket(), webBackend, host, state));
    context.log.info(state === 'drain' ? 'web host drained' : 'web host back in service', { host });
    return c.json({ servers: await balancerServers(socket()) });
  });
  app.put('/v1/balancer/standing', async (c) => {
    const { state } = (await c.req.json().catch(() => ({}))) as { state?: unknown };
    if (state !== 'back' && state !== 'ready')
      throw new Problem(422, 'No such state', "`state` is 'back' or 'ready'.");
    if (balancer === undefined) throw new Problem(404, 'No balancer', 'This host has no balancer.');
    await balancer.standBack(state === 'back');
    context.log.info(
      state === 'back' ? 'stands back: another balancer shall hold the address' : 'stands back no longer',
    );
    return c.json({ state });
  });
}

export async function balancerServers(socketPath: string): Promise<readonly BalancerServer[]> {
  const servers = await orProblem(() => haproxyServers(socketPath, webBackend));
  return servers.map(({ name, status, weight, sessions, queued, check, checkCode }) => ({
    host: name,
    up: /^(UP|DRAIN|NOLB)\b/.test(status),
    drained: /^DRAIN\b/.test(status),
    weight,
    requests: sessions + queued,
    check: check === '' ? null : checkCode > 0 ? `${check} (HTTP ${checkCode})` : check,
  }));
}

async function orProblem<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Problem(503, 'HAProxy', `HAProxy did not do it: ${(error as Error).message}`);
  }
}
