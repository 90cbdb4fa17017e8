/** KILL of a session by the id that the router greeted its client with. */
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { notOwner, unknownThread } from './errors.ts';
import { keyTextOf } from './pool.ts';
import type { ServerConnection } from './server-connection.ts';
import type { Session } from './session.ts';
import type { KillResult, SessionHost } from './session-host.ts';

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
  const running = target.work.connection;
  if (running !== undefined) await killQuery(host, target, running);
  if (!queryOnly) target.close();
  return null;
}

async function killQuery(host: SessionHost, target: Session, running: ServerConnection): Promise<void> {
  const pool = target.connections.poolOf(running);
  if (pool === undefined) return;
  const key = host.loginKey(target.client);
  const wanted = { key, schema: undefined, keyText: keyTextOf(key, undefined) };
  try {
    const connection = await pool.acquire(wanted, target);
    if (target.work.connection === running) {
      const sql = `KILL QUERY ${running.threadId}`;
      await connection.asked(commandPacket(command.query, Buffer.from(sql)), responseShape.result);
    }
    pool.release(connection, false);
  } catch (error) {
    host.log.warn(
      `KILL of connection ${target.client.id} on ${pool.member.name}: ${(error as Error).message}`,
    );
  }
}
