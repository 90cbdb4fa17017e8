/** A server connection broke under a session: what the client is told, now or with its next command. */
import { command } from '#src/mysql-wire/commands.ts';
import { headerBytes } from '#src/mysql-wire/framing.ts';
import { serverStatus } from '#src/mysql-wire/status.ts';
import { notExecuted, outcomeUnknown, stateLost, transactionLost } from './errors.ts';
import type { ServerConnection } from './server-connection.ts';
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
  else session.finish();
}

/** Its server became read-only: the connection is closed, and has nothing more to say to the session. */
export function leaveDemoted(session: Session, connection: ServerConnection): void {
  session.connections.forget(connection);
  session.backpressure.forget(connection);
  connection.owner = undefined;
  connection.lose('it became read-only');
  session.work.connection = undefined;
}

/** The server refused, being read-only now, what belongs to a transaction: that is rolled back there, and begins anew elsewhere. */
export function abandonTransaction(session: Session, connection: ServerConnection): void {
  const loss = session.pinned ? 'state' : session.routes.lost('primary');
  leaveDemoted(session, connection);
  session.status &= ~(serverStatus.inTransaction | serverStatus.inReadOnlyTransaction);
  if (loss === 'state') {
    session.host.observer.failed('state lost');
    session.closeWith(stateLost());
    return;
  }
  session.host.observer.failed('transaction lost');
  session.replyError(transactionLost('its server is no longer the primary'));
  session.finish();
}

/** Before a command: true when there is nothing more to do for it, because it was answered with what was lost. */
export function tellLoss(session: Session, buffer: Buffer, start: number, end: number): boolean {
  const code = buffer[start + headerBytes];
  if (code === command.quit || code === command.stmtClose) return false;
  // Has no answer, and belongs to what was lost.
  if (code === command.stmtSendLongData) return true;
  if (code === command.stmtPrepare) session.prepared.forgetLast();
  const { lost } = session;
  session.lost = undefined;
  if (lost === 'state') {
    session.host.observer.failed('state lost');
    session.closeWith(stateLost());
    return true;
  }
  const text = buffer.toString('latin1', start + headerBytes + 1, Math.min(end, start + 64));
  if (/^\s*rollback\s*;?\s*$/i.test(text)) session.replyOk();
  else {
    session.host.observer.failed('transaction lost');
    session.replyError(transactionLost('the connection to its server was lost before COMMIT was sent'));
  }
  return true;
}
