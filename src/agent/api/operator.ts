/** The lock of the whole stack, which the command-line tool keeps in etcd through the agents. */
import type { Hono } from 'hono';
import { EtcdError } from '#src/adapters/etcd/errors.ts';
import type { Operation } from '#src/topology/agent-api.ts';
import type { AgentContext } from '../context.ts';
import { currentOperation, releaseOperation, renewOperation, takeOperation } from '../operator/lock.ts';
import type { Env } from './environment.ts';
import { Problem } from './problem.ts';

export function operatorRoutes(app: Hono<Env>, { etcd }: AgentContext): void {
  app.get('/v1/operation', async (c) =>
    c.json({ operation: await withQuorum(() => currentOperation(etcd)) }),
  );
  app.post('/v1/operation/:id', async (c) => {
    const operation = parseOperation(await c.req.json().catch(() => undefined));
    const result = await withQuorum(() => takeOperation(etcd, operation, leaseOf(c.req.param('id'))));
    return c.json(result, result.taken ? 201 : 409);
  });
  app.put('/v1/operation/:id', async (c) => {
    const held = await withQuorum(() => renewOperation(etcd, leaseOf(c.req.param('id'))));
    return c.json({ held }, held ? 200 : 410);
  });
  app.delete('/v1/operation/:id', async (c) => {
    await withQuorum(() => releaseOperation(etcd, leaseOf(c.req.param('id'))));
    return c.body(null, 204);
  });
}

/** etcd's lease identities are positive 64-bit numbers. */
function leaseOf(text: string): string {
  if (!/^[1-9]\d{0,18}$/.test(text)) throw new Problem(422, 'No identity', 'The identity is a number.');
  return text;
}

function parseOperation(body: unknown): Operation {
  const { by, pid, command, sinceMs } = (body ?? {}) as Partial<Record<keyof Operation, unknown>>;
  if (typeof by !== 'string' || typeof command !== 'string' || by.length > 300 || command.length > 300) {
    throw new Problem(422, 'No operation', '`by` and `command` are wanted, as texts.');
  }
  return { by, pid: Number(pid), command, sinceMs: Number(sinceMs) };
}

export async function withQuorum<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    throw new Problem(503, 'No quorum', `etcd does not answer: ${error.message}`);
  }
}
