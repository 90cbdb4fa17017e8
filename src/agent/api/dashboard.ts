/** What the dashboard asks of a host's agent: services, figures, the router, web hosts drained or weighted, a lab's faults. */
import type { Context, Hono, Next } from 'hono';
import type { AgentStatus } from '#src/topology/agent-api.ts';
import type { HostOverview } from '#src/topology/figures.ts';
import type { AgentContext } from '../context.ts';
import { hostFigures } from '../figures/host.ts';
import { routerStory } from '../figures/router.ts';
import type { LabFaults } from '../lab/faults.ts';
import { changeOverride, readOverrides } from '../traffic/overrides.ts';
import { asker, dashboardName, type Env, peerName } from './environment.ts';
import { withQuorum } from './operator.ts';
import { Problem } from './problem.ts';

/** The dashboard's certificate opens these and nothing else: no copies of the database, no force, no rejoin. */
const allowed: readonly (readonly [method: string, path: RegExp])[] = [
  ['GET', /^\/v1\/(status|overview|router|traffic|blocklist|clock|health)$/],
  ['GET', /^\/v1\/database(\/history|\/switchover)?$/],
  ['POST', /^\/v1\/database\/switchover$/],
  ['PUT', /^\/v1\/database\/maintenance$/],
  ['DELETE', /^\/v1\/database\/(maintenance|switchover)$/],
  ['POST', /^\/v1\/(blocklist|lab\/faults)$/],
  ['DELETE', /^\/v1\/blocklist\/[^/]+$/],
  ['PUT', /^\/v1\/traffic\/[^/]+$/],
];

export async function limitDashboard(c: Context<Env>, next: Next): Promise<void> {
  const isDashboard = peerName(c.env.incoming.socket as never) === dashboardName;
  if (isDashboard && !allowed.some(([method, path]) => method === c.req.method && path.test(c.req.path))) {
    throw new Problem(403, 'Not allowed', `The dashboard may not ${c.req.method} ${c.req.path}.`);
  }
  await next();
}

export function dashboardRoutes(
  app: Hono<Env>,
  context: AgentContext,
  status: () => Promise<AgentStatus>,
  faults: LabFaults | undefined,
): void {
  const { config, runner, etcd } = context;
  // One question for all that is looked at each second.
  app.get('/v1/overview', async (c) => {
    const [own, services, figures] = await Promise.all([
      status(),
      runner.services().catch(() => []),
      hostFigures(context),
    ]);
    const overview: HostOverview = {
      status: own,
      services: services.map(({ name, state, sinceMs, restarts, reason }) => ({
        name,
        state,
        sinceMs,
        restarts,
        reason,
      })),
      figures: { ...figures, ...(faults === undefined ? {} : { faults: faults.list() }) },
    };
    return c.json(overview);
  });
  app.get('/v1/router', async (c) => {
    const { routerControlSocket } = config;
    if (routerControlSocket === undefined)
      throw new Problem(404, 'No router', 'This host has no SQL router.');
    const story = await routerStory(routerControlSocket).catch((error: Error) => {
      throw new Problem(503, 'No answer', `The SQL router does not answer: ${error.message}.`);
    });
    return c.json(story);
  });
  app.get('/v1/traffic', async (c) => c.json({ overrides: await withQuorum(() => readOverrides(etcd)) }));
  app.put('/v1/traffic/:host', async (c) => {
    const webHosts = config.peers.filter(({ roles }) => roles.includes('web')).map(({ name }) => name);
    const body = await c.req.json().catch(() => undefined);
    const override = await withQuorum(() =>
      changeOverride(etcd, webHosts, c.req.param('host'), body, asker(c)),
    );
    context.log.info('traffic changed', {
      host: c.req.param('host'),
      by: asker(c),
      change: JSON.stringify(body),
    });
    return c.json({ override });
  });
  if (faults === undefined) return;
  app.post('/v1/lab/faults', async (c) => {
    const body = await c.req.json().catch(() => undefined);
    context.log.warn('fault of the lab', { by: asker(c), fault: JSON.stringify(body) });
    return c.json({ faults: await faults.inject(body) });
  });
}
