/** A server connection broke under a session: what the client is told, now or with its next command. */
import { command } from '#src/mysql-wire/commands.ts';
import { headerBytes, payloadLengthAt } from '#src/mysql-wire/framing.ts';
import { serverStatus } from '#src/mysql-wire/status.ts';
import { notExecuted, outcomeUnknown, stateLost, transactionLost } from '../errors.ts';
import type { ServerConnection } from '../servers/connection.ts';
import type { RoutedStatement } from './routes.ts';
import type { Session } from './session.ts';

/** `ConnectionOwner.onConnectionLost`. */
export function loseConnection(
  session: Session,
  connection: ServerConnection,
  reason: string,
  inFlight: boolean,
): void {
  const { connections, work, host } = session;
  const pool = connections.poolOf(connection);
  const slot = connections.slotOf(connection);
  const loss = session.pinned ? 'state' : session.routes.lost(slot);
  connections.forget(connection);
  session.backpressure.forget(connection);
  if (session.closed) return;
  if (slot === 'primary') {
    session.status &= ~(serverStatus.inTransaction | serverStatus.inReadOnlyTransaction);
  }
  if (work.connection !== connection || !inFlight) {
    if (loss !== 'nothing') session.lost = loss;
    // A command without an answer is on its way to nobody now.
    if (work.connection === connection) session.onReceiverDrain();
    return;
  }
  const member = pool?.member.name ?? 'the server';
  if (session.stream.uploading && work.large && !session.answer.passed) {
    // The server never had all of it.
    host.observer.failed('not executed');
    session.closeWith(notExecuted(`the connection to ${member} was lost while it was sent (${reason})`));
    return;
  }
  if (session.answer.passed || session.stream.uploading) {
    // In the middle of an answer there is no place for an error.
    host.observer.failed('answer cut');
    session.close();
    return;
  }
  host.observer.failed('outcome unknown');
  session.replyError(outcomeUnknown(member, reason));
  if (loss === 'state') session.close();
  else {
    // What follows in the transaction must not run alone.
    if ((work.executed?.leaves ?? loss) === 'transaction') session.lost = 'rest';
    session.finish();
  }
}

/** Its server became read-only: the connection is to be closed, and has nothing more to say to the session. */
export function leaveDemoted(session: Session, connection: ServerConnection): void {
  session.connections.forget(connection);
  session.backpressure.forget(connection);
  connection.owner = undefined;
  session.work.connection = undefined;
}

export const becameReadOnly = 'it became read-only';

/** What the session had on a connection that is gone can't be had again. */
export function endStateless(session: Session): void {
  session.host.observer.failed('state lost');
  session.closeWith(stateLost());
}

/** The server refused, being read-only now, what belongs to a transaction: that is rolled back there, and begins anew elsewhere. */
export function abandonTransaction(session: Session, connection: ServerConnection): void {
  const loss = session.pinned ? 'state' : session.routes.lost('primary');
  leaveDemoted(session, connection);
  connection.lose(becameReadOnly);
  session.status &= ~(serverStatus.inTransaction | serverStatus.inReadOnlyTransaction);
  if (loss === 'state') {
    endStateless(session);
    return;
  }
  session.host.observer.failed('transaction lost');
  session.replyError(transactionLost('its server is no longer the primary'));
  if (session.work.executed?.leaves !== 'nothing' && session.stream.waitingBytes > 0) session.lost = 'rest';
  session.finish();
}

/** Whether the statement may ask for a last insert id that was lost. */
export function missesInsertId({ work, routes }: Session): boolean {
  const { executed } = work;
  return executed !== undefined && routes.misses(executed);
}

/**
 * Before a command: true when there is nothing more to do for it, because it was answered with what was lost.
 * `bytesBehind`: what its client has sent since, not knowing that.
 */
export function tellLoss(
  session: Session,
  buffer: Buffer,
  start: number,
  end: number,
  bytesBehind: number,
): boolean {
  const code = buffer[start + headerBytes];
  if (code === command.quit || code === command.stmtClose) return false;
  // Has no answer, and belongs to what was lost.
  if (code === command.stmtSendLongData) return true;
  if (code === command.stmtPrepare) session.prepared.forgetLast();
  const { lost } = session;
  if (lost === 'state') {
    endStateless(session);
    return true;
  }
  session.lost = undefined;
  // They roll back.
  if (code === command.resetConnection || code === command.changeUser) return false;
  const leaves = statementIn(session, buffer, start, end)?.leaves;
  if (lost === 'rest' && leaves === 'transaction') return false;
  const text = buffer.toString('latin1', start + headerBytes + 1, Math.min(end, start + 64));
  if (code === command.query && /^\s*rollback(\s+work)?\s*;?\s*$/i.test(text)) session.replyOk();
  else {
    session.host.observer.failed('transaction lost');
    session.replyError(transactionLost('the connection to its server was lost before COMMIT was sent'));
    if (leaves !== 'nothing' && bytesBehind > 0) session.lost = 'rest';
  }
  return true;
}

/** What the command would run. */
function statementIn(
  session: Session,
  buffer: Buffer,
  start: number,
  end: number,
): RoutedStatement | undefined {
  switch (buffer[start + headerBytes]) {
    case command.query: {
      const complete = payloadLengthAt(buffer, start) === end - start - headerBytes;
      return session.routes.analyse(buffer.subarray(start + headerBytes + 1, end), complete);
    }
    case command.stmtExecute:
    case command.stmtBulkExecute:
      return session.prepared.named(buffer, start, end)?.routed;
    default:
      return undefined;
  }
}
