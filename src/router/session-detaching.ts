/** Between statements: whether a session's connection may go to another one, and what has to be asked before. */
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { takeValues } from './preparation.ts';
import type { ServerConnection } from './server-connection.ts';
import type { Session } from './session.ts';

/** `ConnectionOwner.mayDetach`. */
export function mayDetach(session: Session, connection: ServerConnection): boolean {
  if (session.stream.busy || session.work.active) return false;
  if (session.inTransaction || session.lost !== undefined || session.pinned) return false;
  for (const statement of session.prepared.values()) if (statement.boundTo === connection) return false;
  const slot = session.connections.slotOf(connection);
  // The router's own question for values would be the last statement, too.
  if (session.host.nowMs - connection.lastUsedMs < session.routes.questionMs(slot)) return false;
  if (session.routes.mayLeave(slot)) return true;
  askValues(session, connection);
  return false;
}

/** What ties the session to the connection may be no more than values that can be asked for; it may leave then. */
function askValues(session: Session, connection: ServerConnection): void {
  const { routes, connections, stream } = session;
  const sql = routes.valuesQuery();
  if (sql === undefined || connection.busy || connection !== connections.in('primary')) return;
  stream.busy = true;
  const packet = commandPacket(command.query, Buffer.from(sql));
  connection.ask(packet, responseShape.result, ({ error, bytes }) => {
    if (session.closed) return;
    try {
      if (error === undefined) takeValues(session, bytes);
    } catch (wrong) {
      connection.lose((wrong as Error).message);
    }
    const crowded = connections.poolOf(connection)?.crowded === true;
    if (crowded && routes.mayLeave('primary')) session.detach(connection);
    // The values are the connection's own.
    else if (connection.open) connection.settings = routes.settings;
    stream.ready();
  });
}

/** Whether a client that is sent away between statements would lose what it can't set up again on a new connection. */
export function isStateless(session: Session): boolean {
  if (session.inTransaction || session.lost !== undefined || session.pinned) return false;
  if (session.routes.stateful) return false;
  for (const statement of session.prepared.values()) if (statement.boundTo !== undefined) return false;
  return true;
}
