/**
 * The router's own HTTP endpoint: metrics, status, and where a statement would go. On a unix socket that only the
 * router's user (and root) can open; it shows shapes of statements, never values, and changes nothing.
 */
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { SocketFile } from '../clients/socket-file.ts';
import type { Explained, Question } from './explain.ts';

const maxBodyBytes = 1024 * 1024;

/** What the router as a whole says of itself. */
export interface ControlSource {
  /** Prometheus text. */
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>;
  status(): Promise<object>;
  /** Null: there is no such account. */
  explain(question: Question): Promise<Explained | null>;
}

export function controlRoutes(router: ControlSource): Hono {
  const app = new Hono();
  app.onError((error, c) => c.json({ error: error.message }, 503));
  app.get('/metrics', async (c) => {
    const { text, contentType } = await router.metrics();
    return c.text(text, 200, { 'content-type': contentType });
  });
  app.get('/status', async (c) => c.json(await router.status()));
  app.post('/explain', bodyLimit({ maxSize: maxBodyBytes }), async (c) => {
    const question = await c.req.json().then(asQuestion, () => undefined);
    if (question === undefined) return c.json({ error: 'expected {"sql": "SELECT …", "schema": "…"}' }, 400);
    const answer = await router.explain(question);
    return answer === null
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
  static async open(router: ControlSource, socketPath: string): Promise<ControlEndpoint> {
    const server = createServer(getRequestListener(controlRoutes(router).fetch));
    return new ControlEndpoint(server, await SocketFile.listen(server, socketPath, 0o600));
  }

  close(): void {
    this.#file.remove();
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
