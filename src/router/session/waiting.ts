/** A statement that can't go at once: it is kept while a connection is looked for, and refused when there is none. */
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket, payloadLengthAt } from '#src/mysql-wire/framing.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import { insertIdLost, notExecuted } from '../errors.ts';
import type { ServerConnection } from '../servers/connection.ts';
import { MonitorConnection } from '../servers/monitor-connections.ts';
import { packetLimitSql } from '../servers/packet-limit.ts';
import { keepValues } from './detaching.ts';
import { findConnection } from './find-connection.ts';
import { becameReadOnly, endStateless, leaveDemoted, missesInsertId, tellLoss } from './losses.ts';
import type { RouteChoice } from './routes.ts';
import { sendTo } from './running.ts';
import type { Session } from './session.ts';

/** Sends `work.bytes` as soon as there is a connection for it; never rejects. */
export async function sendWhenPossible(session: Session): Promise<void> {
  const { work, host } = session;
  const bytes = work.bytes as Buffer;
  const held = host.hold(bytes.length);
  try {
    if (!held) throw new Error('too many statements wait already (bufferBytes)');
    await learnPacketLimit(session, payloadLengthAt(bytes, 0));
    const connection = await findConnection(session);
    if (session.closed) {
      session.connections.release(connection, false);
      return;
    }
    // While it was made ready: the statement must not run without what was there.
    if (session.lost !== undefined) throw new Error('what the session had was lost');
    if (missesInsertId(session)) {
      host.observer.failed('state lost');
      session.closeWith(insertIdLost());
      return;
    }
    sendTo(session, connection, bytes, 0, bytes.length);
    if (work.large && work.connection !== undefined) {
      const limitBytes = session.connections.poolOf(connection)?.packetLimit.bytes;
      session.stream.beginUpload('command', connection.channel, limitBytes);
    }
  } catch (error) {
    // A connection that came after the client had gone is nobody's.
    if (session.closed) session.releaseConnections();
    else refuse(session, error as Error);
  } finally {
    if (held) host.letGo(bytes.length);
  }
}

/** Before a long command: its member may have to be asked whether it takes it. */
async function learnPacketLimit({ work, host, client }: Session, payloadBytes: number): Promise<void> {
  const { slot, member } = work.choice as RouteChoice;
  const pool = slot === 'replica' && member !== undefined ? host.replicaPool(member) : host.primaryPool();
  if (pool === undefined || pool.packetLimit.knows(payloadBytes)) return;
  await pool.packetLimit.learn(async () => {
    const connection = new MonitorConnection(pool, host.loginKey(client));
    try {
      return await connection.rows(packetLimitSql, host.config.connectTimeoutMs);
    } finally {
      connection.close();
    }
  });
}

/** Nothing was sent, and nothing will be. */
function refuse(session: Session, error: Error): void {
  const { work, host } = session;
  const bytes = work.bytes as Buffer;
  if (session.lost !== undefined && tellLoss(session, bytes, 0, bytes.length, session.stream.waitingBytes)) {
    endRefused(session);
    return;
  }
  host.observer.failed('not executed');
  // Long data that didn't arrive has no answer: the execution is told.
  if (work.prepared !== undefined) {
    work.prepared.boundTo = work.code === command.stmtSendLongData ? 'lost' : undefined;
  }
  if (work.refusal !== undefined) session.reply(work.refusal);
  else if (work.shape !== responseShape.none) {
    session.replyError(error instanceof ProtocolError ? error : notExecuted(error.message));
  }
  // What its client has sent already must not run alone.
  if (work.executed?.leaves === 'transaction' && session.stream.waitingBytes > 0) session.lost = 'rest';
  endRefused(session);
}

/** The rest of a long command is not worth waiting for. */
function endRefused(session: Session): void {
  if (session.work.large) session.close();
  else session.finish();
}

/**
 * The primary was demoted under the statement: it did not run, and waits for the next one. Its server lives, and is asked
 * for what only this connection knows (the last insert id).
 */
export function tryNextPrimary(session: Session, connection: ServerConnection): void {
  const sql = session.pinned ? undefined : session.routes.valuesQuery();
  leaveDemoted(session, connection);
  connection.endIfMoreCame();
  if (sql === undefined || !connection.open) {
    connection.lose(becameReadOnly);
    waitForNext(session);
    return;
  }
  const packet = commandPacket(command.query, Buffer.from(sql));
  connection.ask(packet, responseShape.result, ({ error, bytes }) => {
    if (!session.closed && error === undefined) keepValues(session, connection, bytes);
    connection.lose(becameReadOnly);
    if (!session.closed) waitForNext(session);
  });
}

/** Nothing is sent without what the session had on the connection that is gone. */
function waitForNext(session: Session): void {
  const { work, host, routes } = session;
  if (session.pinned || routes.lost('primary') === 'state') {
    endStateless(session);
    return;
  }
  // The last insert id may be known only now.
  const { prelude } = routes.choose(work.statement, work.beganMs);
  work.choice = { ...(work.choice as RouteChoice), prelude };
  host.observer.resent();
  const deadlineMs = performance.now() + host.config.bufferTimeoutMs;
  if (work.deadlineMs === 0) work.deadlineMs = deadlineMs;
  const leftMs = Math.max(0, work.deadlineMs - performance.now());
  void host.changed(Math.min(100, leftMs)).then(() => {
    if (session.closed) return;
    if (leftMs === 0) refuse(session, new Error('no primary'));
    else void sendWhenPossible(session);
  });
}
