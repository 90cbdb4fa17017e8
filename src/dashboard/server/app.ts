/**
 * The HTTP around a dashboard. What is not in the table of a login page's files needs an identity, whether the path
 * exists or not. Every answer forbids its page to load anything from elsewhere.
 */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type Context, Hono, type Next } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { z } from 'zod';
import type { Log } from '#src/adapters/log.ts';
import { loginSchema } from '../api/schemas.ts';
import type { Asset, Assets } from './assets.ts';
import { demand } from './authentication.ts';
import type { Dashboard } from './dashboard.ts';
import type { Env } from './environment.ts';
import { openApi } from './openapi.ts';
import { Problem, problemBody } from './problem.ts';
import { apiPrefix, routes } from './routes.ts';

const maxBodyBytes = 16 * 1_024;

export const securityHeaders: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export function createApp(dashboard: Dashboard, assets: Assets, log: Log): Hono<Env> {
  const app = new Hono<Env>();
  app.use(async (c: Context<Env>, next: Next) => {
    for (const [name, value] of Object.entries(securityHeaders)) c.header(name, value);
    c.header('cache-control', 'no-store');
    await next();
  });
  app.use(
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: () => {
        throw new Problem(413, 'Too large', `A body has at most ${maxBodyBytes} bytes.`);
      },
    }),
  );
  app.onError((error, c) => {
    if (error instanceof Problem) return refusal(c, error);
    log.error(`bug: ${error.stack ?? error.message}`, { path: c.req.path });
    return refusal(c, new Problem(500, 'Failed', 'The dashboard could not do that; its log says why.'));
  });
  pages(app, dashboard, assets);
  app.post(`${apiPrefix}/session`, async (c) => {
    const { name, password } = await bodyOf(c, loginSchema);
    const { caller } = await dashboard.authentication.login(c, name, password);
    return c.json(dashboard.sessionOf(caller), 201);
  });
  app.use(async (c: Context<Env>, next: Next) => {
    c.set('caller', dashboard.authentication.identify(c));
    await next();
  });
  api(app, dashboard);
  app.notFound((c) => refusal(c, new Problem(404, 'Not found', `There is no ${c.req.path.slice(0, 200)}.`)));
  return app;
}

function pages(app: Hono<Env>, dashboard: Dashboard, assets: Assets): void {
  const page = (c: Context<Env>, name: string) => {
    const asset = assets.find(name);
    return asset === undefined ? undefined : serveAsset(c, asset);
  };
  app.get('/login', (c) => page(c, 'login.html') ?? c.notFound());
  app.get('/', (c) => {
    if (!dashboard.authentication.hasSession(c)) return c.redirect('/login', 303);
    return page(c, 'index.html') ?? c.notFound();
  });
  app.get('/assets/:name', async (c, next) => {
    const name = c.req.param('name');
    const isOpen = assets.isPublic(name) || dashboard.authentication.hasSession(c);
    const answer = isOpen && !name.endsWith('.html') ? page(c, name) : undefined;
    if (answer !== undefined) return answer;
    await next();
  });
}

function serveAsset(c: Context<Env>, { type, body, brotli, isHashed }: Asset): Response {
  const packed = /\bbr\b/.test(c.req.header('accept-encoding') ?? '');
  c.header('content-type', type);
  c.header('vary', 'accept-encoding');
  if (isHashed) c.header('cache-control', 'private, max-age=31536000, immutable');
  if (packed) c.header('content-encoding', 'br');
  return c.body(new Uint8Array(packed ? brotli : body));
}

function api(app: Hono<Env>, dashboard: Dashboard): void {
  for (const route of routes) {
    app.on(route.method.toUpperCase(), `${apiPrefix}${route.path}`, async (c) => {
      const caller = c.get('caller');
      demand(caller, route.role);
      const query = route.query === undefined ? undefined : check(route.query, c.req.query(), 'query');
      const body = route.body === undefined ? undefined : await bodyOf(c, route.body);
      const answer = await route.handle({ dashboard, caller, context: c, query, body });
      return route.answer === undefined ? c.body(null, 204) : c.json(answer as object);
    });
  }
  app.get(`${apiPrefix}/openapi.json`, (c) => c.json(openApi()));
  app.get(`${apiPrefix}/events`, (c) => {
    const lastEventId = c.req.header('last-event-id');
    dashboard.streams.open(c.env.outgoing, c.get('caller'), lastEventId, securityHeaders);
    return RESPONSE_ALREADY_SENT;
  });
}

async function bodyOf<T>(c: Context<Env>, schema: z.ZodType<T>): Promise<T> {
  if (!/^application\/json\b/.test(c.req.header('content-type') ?? '')) {
    throw new Problem(415, 'Not JSON', 'Send a body of type application/json.');
  }
  let body: unknown;
  try {
    body = await c.req.json();
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(400, 'Not JSON', 'The body is no JSON text.');
  }
  return check(schema, body, 'body');
}

/** Throws a `Problem` that names every fault. */
function check<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(
    ({ path, message }) => `${[where, ...path.map(String)].join('.')}: ${message}`,
  );
  throw new Problem(422, 'Bad request', faults.join('; ').slice(0, 1_000));
}

function refusal(c: Context<Env>, { status, title, message, retryAfterSeconds }: Problem): Response {
  c.header('content-type', 'application/problem+json');
  if (retryAfterSeconds !== undefined) c.header('retry-after', String(retryAfterSeconds));
  return c.body(problemBody(status, title, message), status as 400);
}
