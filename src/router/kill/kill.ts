/** KILL of a session by the id that the router greeted its client with. */
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { notKilled, notOwner, unknownThread } from '../errors.ts';
import { ServerConnection } from '../servers/connection.ts';
import type { KillResult, SessionHost } from '../session/host.ts';
import type { Session } from '../session/session.ts';

/** ER_NO_SUCH_THREAD: what was to be killed has ended. */
const noThread = 1094;

/** As it goes from worker to worker, and from host to host. */
export interface KillRequest {
  readonly id: number;
  /** The account of the session that asks: it may end its own alone. */
  readonly user: string;
  /** Only the statement that runs; the session stays. */
  readonly queryOnly: boolean;
}

/** What runs is killed on its server, over another connection of the same account, which may do that. */
export async function killSession(
  host: SessionHost,
  target: Session | undefined,
  { id, user, queryOnly }: KillRequest,
): Promise<KillResult> {
  if (target === undefined) return unknownThread(id);
  if (target.client.account.user !== user) return notOwner(id);
  const failure = await killQuery(host, target);
  if (failure !== null) return failure;
  if (!queryOnly) target.close();
  return null;
}

/** The pool may be full of sessions that this KILL is to help: it has a connection of its own. */
async function killQuery(host: SessionHost, target: Session): Promise<KillResult> {
  const { work, connections, client } = target;
  const { connection: running, count } = work;
  const pool = running === undefined ? undefined : connections.poolOf(running);
  if (running === undefined || pool === undefined) return null;
  const { connectTimeoutMs } = host.config;
  try {
    const connection = new ServerConnection(await pool.connectApart(host.loginKey(client)), undefined);
    try {
      // The next statement on the same connection is not meant.
      if (work.connection !== running || work.count !== count) return null;
      const packet = commandPacket(command.query, Buffer.from(`KILL QUERY ${running.threadId}`));
      const answer = await connection.within(
        connectTimeoutMs,
        connection.asked(packet, responseShape.result),
      );
      const { error } = answer;
      if (error === undefined || error.errno === noThread) return null;
      return notKilled(client.id, error.message);
    } finally {
      connection.lose('not needed any more');
    }
  } catch (error) {
    return notKilled(client.id, `${pool.member.name}: ${(error as Error).message}`);
  }
}
