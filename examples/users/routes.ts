/** The HTTP API. Knows requests and responses; what they mean is in users.ts. */
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { methodNotAllowed } from 'hono/method-not-allowed';
import type { Database } from './database.ts';
import { classify } from './failure.ts';
import { Problem, problemOf } from './problem.ts';
import { addUser, findUser, listUsers, parseId, removeUser, validateNewUser } from './users.ts';

const maxBodyBytes = 16 * 1024;
const defaultPageSize = 100;
const maxPageSize = 1_000;
/** Host name of the database member that made a change. */
const writtenToHeader = 'x-tandem-written-to';
const utf8 = new TextDecoder('utf-8', { fatal: true });

export interface Services {
  readonly database: Database;
  readonly health: () => Promise<boolean>;
  /** Gets the errors that nobody expected. */
  readonly logBug: (error: unknown) => void;
}

export function createRoutes({ database, health, logBug }: Services): Hono {
  const app = new Hono();
  app.onError((error) => {
    const { problem, bug } = problemOf(error);
    if (bug) logBug(error);
    return problem.toResponse();
  });
  app.notFound(() => notHere('There is nothing at this address.').toResponse());
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => wrongMethod(c.req.method, methods).toResponse(),
    }),
  );
  app.use('/api/*', async (c, next) => {
    c.header('cache-control', 'no-store');
    await next();
  });

  app.get('/health', async (c) => {
    if (!(await health())) throw databaseAway();
    return c.json({ ok: true }, 200, { 'cache-control': 'no-store' });
  });

  app.get('/api/users', async (c) => {
    const { users, next, answeredBy } = await listUsers(database, readPaging(c));
    return c.json({ users, answeredBy, next: next === null ? null : `/api/users?before=${next}` });
  });

  app.post(
    '/api/users',
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: () => {
        throw tooLarge();
      },
    }),
    async (c) => {
      refuseUnmet(c);
      const validation = validateNewUser(await readJson(c));
      if (!validation.ok) throw invalid(validation.errors);
      const { user, writtenTo } = await addUser(database, validation.user).catch(explainDuplicate);
      c.header(writtenToHeader, writtenTo);
      c.header('location', `/api/users/${user.id}`);
      return c.json({ ...user, writtenTo }, 201);
    },
  );

  app.get('/api/users/:id', async (c) => {
    const id = parseId(c.req.param('id'));
    const user = id === null ? null : await findUser(database, id);
    if (user === null) throw notHere('There is no such user; it may have been removed.');
    return c.json(user);
  });

  app.delete('/api/users/:id', async (c) => {
    refuseUnmet(c);
    const id = parseId(c.req.param('id'));
    const writtenTo = id === null ? null : await removeUser(database, id);
    if (writtenTo === null) throw notHere('There is no such user; it may have been removed already.');
    c.header(writtenToHeader, writtenTo);
    return c.body(null, 204);
  });
  return app;
}

function readPaging(c: Context): { limit: number; before: number | null } {
  const limitText = c.req.query('limit');
  const beforeText = c.req.query('before');
  const limit = limitText === undefined ? defaultPageSize : (parseId(limitText) ?? 0);
  const before = beforeText === undefined ? null : parseId(beforeText);
  if (limit < 1 || limit > maxPageSize)
    throw badRequest(`limit should be a number from 1 to ${maxPageSize}.`);
  if (beforeText !== undefined && before === null) throw badRequest('before should be the id of a user.');
  return { limit, before };
}

/** Users have no entity tags, so a change that depends on one (RFC 9110, 13.1.1) depends on what is not there. */
function refuseUnmet(c: Context): void {
  const wanted = c.req.header('if-match');
  if (wanted !== undefined && wanted.trim() !== '*') {
    throw new Problem({
      status: 412,
      title: 'Precondition failed',
      detail: 'Users have no entity tags: send the request without If-Match.',
    });
  }
}

async function readJson(c: Context): Promise<unknown> {
  const [mediaType = '', ...parameters] = (c.req.header('content-type') ?? '').toLowerCase().split(';');
  const charset = parameters.map((text) => text.trim()).find((text) => text.startsWith('charset='));
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  if (mediaType.trim() !== 'application/json' || !isUtf8 || c.req.header('content-encoding') !== undefined) {
    throw new Problem({
      status: 415,
      title: 'Unsupported media type',
      detail: 'Send the user as application/json in UTF-8, without content-encoding.',
      headers: { accept: 'application/json' },
    });
  }
  const bytes = await c.req.arrayBuffer().catch(() => {
    throw badRequest('The body ended early.');
  });
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    throw badRequest('The body is not JSON in UTF-8.');
  }
}

function explainDuplicate(error: unknown): never {
  if (classify(error) !== 'duplicate') throw error;
  throw new Problem(
    {
      status: 409,
      type: '/problems/duplicate-email',
      title: 'E-mail address taken',
      detail: 'There is a user with this e-mail address already.',
      errors: [{ pointer: '#/email', detail: 'belongs to another user' }],
    },
    { cause: error },
  );
}

function invalid(errors: NonNullable<Problem['details']['errors']>): Problem {
  return new Problem({
    status: 422,
    type: '/problems/invalid-user',
    title: 'Not a valid user',
    detail: errors.map(({ pointer, detail }) => `${pointer.slice(2) || 'The body'} ${detail}`).join('; '),
    errors,
  });
}

function tooLarge(): Problem {
  return new Problem({
    status: 413,
    title: 'Content too large',
    detail: `A user takes at most ${maxBodyBytes} bytes.`,
    // What is left of the body is not worth reading.
    headers: { connection: 'close' },
  });
}

function wrongMethod(method: string, allowed: readonly string[]): Problem {
  return new Problem({
    status: 405,
    title: 'Method not allowed',
    detail: `${method} cannot be used here, only ${allowed.join(', ')}.`,
    headers: { allow: allowed.join(', ') },
  });
}

function notHere(detail: string): Problem {
  return new Problem({ status: 404, title: 'Not found', detail });
}

function badRequest(detail: string): Problem {
  return new Problem({ status: 400, title: 'Bad request', detail });
}

function databaseAway(): Problem {
  return new Problem({
    status: 503,
    type: '/problems/database-away',
    title: 'Database away',
    detail: 'The database does not answer.',
    headers: { 'retry-after': '1' },
  });
}
