/** Figures for Prometheus. What monitors may read these, and nothing else of the API. */
import type { TLSSocket } from 'node:tls';
import type { Hono } from 'hono';
import { askUnixSocket } from '#src/adapters/unix-http.ts';
import { agentMetricsPaths, monitoringName } from '#src/topology/monitoring.ts';
import type { AgentContext } from '../context.ts';
import { contentType, type Readings } from '../metrics/gauges.ts';
import { nginxMetrics } from '../metrics/web.ts';
import { type Env, peerName } from './environment.ts';
import { Problem } from './problem.ts';

const timeoutMs = 5_000;
const paths: readonly string[] = Object.values(agentMetricsPaths);

/** Before all routes: a stolen certificate of Prometheus moves no primary. */
export function monitoringOnlyReads(app: Hono<Env>): void {
  app.use(async (c, next) => {
    const isMonitoring = peerName(c.env.incoming.socket as TLSSocket) === monitoringName;
    if (isMonitoring && !(c.req.method === 'GET' && paths.includes(c.req.path)))
      throw new Problem(403, 'Not allowed', 'This certificate is for reading metrics.');
    await next();
  });
}

export function metricsRoutes(app: Hono<Env>, context: AgentContext, metrics: Readings): void {
  const { web } = context.config;
  const serve = (path: string, read: () => Promise<string>) =>
    app.get(path, async (c) => c.text(await read(), 200, { 'content-type': contentType }));
  const ofWeb =
    (service: string, read: (sockets: NonNullable<typeof web>) => Promise<string>) => async () => {
      if (web === undefined) throw new Problem(404, 'Not a web host', `This host has no ${service}.`);
      return read(web).catch((error: Error) => {
        throw new Problem(503, 'No answer', `${service} does not answer: ${error.message}.`);
      });
    };
  serve(agentMetricsPaths.agent, () => metrics.text());
  serve(
    agentMetricsPaths.router,
    ofWeb('router', ({ routerControlSocket }) =>
      askUnixSocket(routerControlSocket, { path: '/metrics', timeoutMs }),
    ),
  );
  serve(
    agentMetricsPaths.nginx,
    ofWeb('nginx', async ({ nginxStatusSocket }) =>
      nginxMetrics(await askUnixSocket(nginxStatusSocket, { path: '/', timeoutMs })),
    ),
  );
}
