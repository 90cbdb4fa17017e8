/**
 * The agent's HTTPS API. Whoever has a certificate of the stack's authority may ask; the copy of a database is for
 * database members alone, and what monitors may read figures and nothing else.
 */
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { serve } from '@hono/node-server';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { AgentStatus } from '#src/topology/agent-api.ts';
import type { Blocklist } from '../blocklist/concern.ts';
import { BlocklistRefusal } from '../blocklist/guard.ts';
import type { AgentContext } from '../context.ts';
import type { DatabaseConcern } from '../database/concern.ts';
import type { LabFaults } from '../lab/faults.ts';
import type { Readings } from '../metrics/gauges.ts';
import { balancerRoutes, type StandsBack } from './balancer.ts';
import { dashboardRoutes, limitDashboard } from './dashboard.ts';
import { databaseRoutes } from './database.ts';
import { asker, type Env } from './environment.ts';
import { metricsRoutes, monitoringOnlyReads } from './metrics.ts';
import { operatorRoutes } from './operator.ts';
import { Problem, problem } from './problem.ts';
import { quorumRoutes } from './quorum.ts';
import { isRecordPath, recordRoutes } from './record.ts';

export interface ApiParts {
  readonly status: () => Promise<AgentStatus>;
  readonly blocklist: Blocklist;
  readonly database: DatabaseConcern | undefined;
  readonly metrics: Readings;
  /** Only on balancers. */
  readonly balancer?: StandsBack | undefined;
  /** Only on hosts of a lab. */
  readonly faults?: LabFaults | undefined;
}

const maxBodyBytes = 16 * 1024;
/** Which hosts there are, and the history of releases: 1,000 hosts take some 200 KiB. etcd itself takes 1.5 MiB. */
const maxRecordBytes = 1024 * 1024;

export interface RunningApi {
  close(): void;
}

export function startApi(
  context: AgentContext,
  parts: ApiParts,
  listen: { address: string; port: number },
): RunningApi {
  const { tls } = context;
  const server = serve({
    fetch: createApp(context, parts).fetch,
    hostname: listen.address,
    port: listen.port,
    createServer,
    serverOptions: {
      ca: tls.ca,
      cert: tls.certificate,
      key: tls.key,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      headersTimeout: 10_000,
      requestTimeout: 30_000,
    },
  });
  server.on('error', (error: Error) => {
    // Without its API the agent is of no use to anybody: let the supervisor start it again.
    context.log.error(`API: ${error.message}`);
    process.exitCode = 1;
    setTimeout(() => process.exit(1), 100);
  });
  return { close: () => server.close() };
}

export function createApp(context: AgentContext, parts: ApiParts): Hono<Env> {
  const app = new Hono<Env>();
  monitoringOnlyReads(app);
  const usual = bodyOf(maxBodyBytes);
  const ofRecords = bodyOf(maxRecordBytes);
  app.use((c, next) => (isRecordPath(c.req.path) ? ofRecords : usual)(c, next));
  app.notFound((c) => problem(c, 404, 'Not found', `There is no ${c.req.path}.`));
  app.onError((error, c) => {
    if (error instanceof Problem) return problem(c, error.status as 400, error.title, error.message);
    if (error instanceof BlocklistRefusal) return problem(c, 422, 'Not blocked', error.message);
    context.log.error(`API: ${error.message}`, { path: c.req.path });
    return problem(c, 500, 'Failed', 'The agent could not do that; its log says why.');
  });
  app.use(limitDashboard);
  app.get('/v1/health', (c) => c.json({ host: context.config.host, healthy: true }));
  app.get('/v1/status', async (c) => c.json(await parts.status()));
  app.get('/v1/clock', (c) => c.json({ nowMs: Date.now() }));
  blocklistRoutes(app, parts.blocklist);
  databaseRoutes(app, context, parts.database);
  dashboardRoutes(app, context, parts.status, parts.faults);
  balancerRoutes(app, context, parts.balancer);
  operatorRoutes(app, context);
  quorumRoutes(app, context);
  recordRoutes(app, context);
  metricsRoutes(app, context, parts.metrics);
  return app;
}

function bodyOf(maxSize: number): MiddlewareHandler<Env> {
  const onError = (c: Context) => problem(c, 413, 'Too large', `A body has at most ${maxSize} bytes.`);
  return bodyLimit({ maxSize, onError });
}

function blocklistRoutes(app: Hono<Env>, blocklist: Blocklist): void {
  app.get('/v1/blocklist', (c) => c.json({ entries: blocklist.list() }));
  app.post('/v1/blocklist', async (c) => {
    const body = await c.req.json().catch(() => undefined);
    const socket = c.env.incoming.socket as TLSSocket;
    const entry = await blocklist.block(body, {
      by: asker(c),
      address: (socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
    });
    return c.json(entry, 201);
  });
  app.delete('/v1/blocklist/:address', async (c) => {
    await blocklist.unblock(decodeURIComponent(c.req.param('address')), asker(c));
    return c.body(null, 204);
  });
}
