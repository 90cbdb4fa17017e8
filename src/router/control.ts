/**
 * The router's own HTTP endpoint: metrics, status, and where a statement would go. On a unix socket that only the
 * router's user (and root) can open; it shows shapes of statements, never values, and changes nothing.
 */
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { explain, type Question } from './explain.ts';
import { routerMetrics } from './metrics.ts';
import type { Router } from './router.ts';
import { SocketFile } from './socket-file.ts';
import { routerStatus } from './status.ts';

const maxBodyBytes = 1024 * 1024;

export function controlRoutes(router: Router): Hono {
  const metrics = routerMetrics(router);
  const app = new Hono();
  app.use(async (_, next) => {
    await router.shared.freshen();
    await next();
  });
  app.get('/metrics', async (c) =>
    c.text(await metrics.metrics(), 200, { 'content-type': metrics.contentType }),
  );
  app.get('/status', (c) => c.json(routerStatus(router)));
  app.post('/explain', bodyLimit({ maxSize: maxBodyBytes }), async (c) => {
    const question = await c.req.json().then(asQuestion, () => undefined);
    if (question === undefined) return c.json({ error: 'expected {"sql": "SELECT …", "schema": "…"}' }, 400);
    const answer = await explain(router, question);
    return answer === undefined
      ? c.json({ error: `the router has no account '${question.user}'` }, 404)
      : c.json(answer);
  });
  return app;
}

function asQuestion(body: unknown): Question | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { sql, schema, user } = body as Record<string, unknown>;
  const isText = (value: unknown): value is string | undefined =>
    value === undefined || typeof value === 'string';
  return typeof sql === 'string' && isText(schema) && isText(user) ? { sql, schema, user } : undefined;
}

export class ControlEndpoint {
  readonly #server: Server;
  readonly #file: SocketFile;

  private constructor(server: Server, file: SocketFile) {
    this.#server = server;
    this.#file = file;
  }

  /** Rejects when it can't listen there. */
  static async open(router: Router, socketPath: string): Promise<ControlEndpoint> {
    const server = createServer(getRequestListener(controlRoutes(router).fetch));
    return new ControlEndpoint(server, await SocketFile.listen(server, socketPath, 0o600));
  }

  close(): void {
    this.#file.remove();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
