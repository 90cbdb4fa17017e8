/** The quorum's part of the API: who its members are, and changes of them. */
import type { Hono } from 'hono';
import type { AgentContext } from '../context.ts';
import { admit, dismiss, giveVote, quorumMembers } from '../operator/quorum.ts';
import type { Env } from './environment.ts';
import { withQuorum } from './operator.ts';
import { Problem } from './problem.ts';

export function quorumRoutes(app: Hono<Env>, { etcd, config, log }: AgentContext): void {
  app.get('/v1/quorum', async (c) => c.json({ members: await withQuorum(() => quorumMembers(etcd)) }));
  app.post('/v1/quorum/members', async (c) => {
    const { peerUrl } = (await c.req.json().catch(() => ({}))) as { peerUrl?: unknown };
    if (typeof peerUrl !== 'string' || !config.peers.some(({ address }) => isAt(peerUrl, address))) {
      throw new Problem(422, 'No member', '`peerUrl` is that of a host of this stack.');
    }
    const members = await withQuorum(() => admit(etcd, peerUrl));
    log.info('a member joins the quorum', { peerUrl });
    return c.json({ members });
  });
  app.put('/v1/quorum/members/:id/vote', async (c) => {
    const id = identityOf(c.req.param('id'));
    return c.json({ votes: await withQuorum(() => giveVote(etcd, id)) });
  });
  app.delete('/v1/quorum/members/:id', async (c) => {
    const id = identityOf(c.req.param('id'));
    const members = await withQuorum(() => dismiss(etcd, id));
    log.info('a member was taken out of the quorum', { id });
    return c.json({ members });
  });
}

function isAt(peerUrl: string, address: string): boolean {
  return URL.canParse(peerUrl) && new URL(peerUrl).hostname === address;
}

/** etcd's members have 64-bit numbers. */
function identityOf(text: string): string {
  if (!/^[1-9]\d{0,19}$/.test(text)) throw new Problem(422, 'No identity', 'The identity is a number.');
  return text;
}
