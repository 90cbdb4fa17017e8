/**
 * The database's part of the API: what a balancer or a script asks (`/primary`, `/replica`), what an operator asks for,
 * and the copy that another member may take.
 */
import type { TLSSocket } from 'node:tls';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Hono } from 'hono';
import type { AgentContext } from '../context.ts';
import type { DatabaseConcern } from '../database/concern.ts';
import {
  cancelSwitchover,
  currentSwitchover,
  forceFailover,
  readHistory,
  readSync,
  requestRejoin,
  requestSwitchover,
  setMaintenance,
} from '../database/operations.ts';
import { asker, type Env, peerName } from './environment.ts';
import { Problem } from './problem.ts';

export function databaseRoutes(
  app: Hono<Env>,
  context: AgentContext,
  database: DatabaseConcern | undefined,
): void {
  const here = (): DatabaseConcern => {
    if (database === undefined) throw new Problem(404, 'No database', 'This host has no database.');
    return database;
  };
  app.get('/primary', (c) => {
    const { role, ready, explanation } = here().status;
    const writable = role === 'primary' && here().writable;
    return c.json({ host: context.config.host, role, ready, explanation }, writable ? 200 : 503);
  });
  app.get('/replica', (c) => {
    const { role, lagSeconds, explanation } = here().status;
    const follows = role === 'replica' && lagSeconds !== null;
    return c.json({ host: context.config.host, role, lagSeconds, explanation }, follows ? 200 : 503);
  });
  app.get('/v1/database', (c) => c.json({ ...here().status, decisions: here().driver?.decisions ?? [] }));
  app.get('/v1/database/history', async (c) => c.json({ history: await readHistory(here()) }));
  app.get('/v1/database/sync', async (c) => c.json({ sync: await readSync(here()) }));
  app.post('/v1/database/switchover', async (c) => {
    const body = await c.req.json().catch(() => ({}));
    return c.json(await requestSwitchover(here(), body), 202);
  });
  app.get('/v1/database/switchover', async (c) => c.json({ switchover: await currentSwitchover(here()) }));
  app.delete('/v1/database/switchover', async (c) => {
    await cancelSwitchover(here());
    return c.body(null, 204);
  });
  app.post('/v1/database/failover', async (c) => {
    const body = await c.req.json().catch(() => ({}));
    return c.json(await forceFailover(here(), body), 202);
  });
  app.put('/v1/database/maintenance', async (c) => {
    await setMaintenance(here(), { by: asker(c), sinceMs: Date.now() });
    return c.body(null, 204);
  });
  app.delete('/v1/database/maintenance', async (c) => {
    await setMaintenance(here(), null);
    return c.body(null, 204);
  });
  app.post('/v1/database/rejoin', async (c) => c.json(await requestRejoin(here()), 202));
  app.get('/v1/clone', async (c) => {
    const { member, status, donor } = here();
    const name = peerName(c.env.incoming.socket as TLSSocket);
    if (!member.config.members.some((each) => each.name === name)) {
      throw new Problem(403, 'Not allowed', `Copies are for database members, not for ${name}.`);
    }
    if (status.role === 'unknown')
      throw new Problem(503, 'Not ready', `There is nothing to copy yet: ${status.explanation}.`);
    if (donor.busy) throw new Problem(503, 'Busy', 'Another copy is under way.');
    await donor.stream(c.env.outgoing as never);
    return RESPONSE_ALREADY_SENT;
  });
}
