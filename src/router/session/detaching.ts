/** Between statements: whether a session's connection may go to another one, and what has to be asked before. */
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { isNoVariable } from '#src/routing/variables.ts';
import type { ServerConnection } from '../servers/connection.ts';
import { takeValues } from './preparation.ts';
import type { Session } from './session.ts';

/** `ConnectionOwner.mayDetach`. */
export function mayDetach(session: Session, connection: ServerConnection): boolean {
  if (session.stream.busy || session.work.active) return false;
  if (session.inTransaction || isUntold(session) || session.pinned) return false;
  for (const statement of session.prepared.values()) if (statement.boundTo === connection) return false;
  const slot = session.connections.slotOf(connection);
  // The router's own question for values would be the last statement, too.
  if (session.host.nowMs - connection.lastUsedMs < session.routes.questionMs(slot)) return false;
  if (session.routes.mayLeave(slot)) return true;
  askValues(session, connection);
  return false;
}

/** Something was lost, and the client has had no error for it. */
function isUntold({ lost }: Session): boolean {
  return lost !== undefined && lost !== 'rest';
}

/** What ties the session to the connection may be no more than values that can be asked for; it may leave then. */
function askValues(session: Session, connection: ServerConnection): void {
  const { routes, connections, stream } = session;
  const sql = routes.valuesQuery();
  if (sql === undefined || connection.busy || connection !== connections.in('primary')) return;
  stream.busy = true;
  const packet = commandPacket(command.query, Buffer.from(sql));
  connection.ask(packet, responseShape.result, ({ error, cut, bytes }) => {
    if (session.closed) return;
    if (error !== undefined && cut === undefined && isNoVariable(error.errno)) {
      askWhichAreNone(session, connection);
      return;
    }
    if (error === undefined) keepValues(session, connection, bytes);
    const crowded = connections.poolOf(connection)?.crowded === true;
    if (crowded && routes.mayLeave('primary')) session.detach(connection);
    // The values are the connection's own.
    else if (connection.open) connection.settings = routes.settings;
    stream.ready();
  });
}

/** The answer to `valuesQuery`. */
export function keepValues(session: Session, connection: ServerConnection, answer: Buffer): void {
  try {
    takeValues(session, answer);
  } catch (error) {
    connection.lose((error as Error).message);
  }
}

/** One of the names is no variable's, and with it nothing is told: each is asked for, and then the rest together. */
function askWhichAreNone(session: Session, connection: ServerConnection): void {
  const { routes, stream } = session;
  const queries = routes.valueQueries();
  const none = new Set<number>();
  queries.forEach((sql, place) => {
    const packet = commandPacket(command.query, Buffer.from(sql));
    connection.ask(packet, responseShape.result, ({ error, cut }) => {
      if (session.closed) return;
      if (error !== undefined && cut === undefined && isNoVariable(error.errno)) none.add(place);
      if (place < queries.length - 1) return;
      routes.forgetValues(none);
      stream.ready();
      const crowded = none.size > 0 && session.connections.poolOf(connection)?.crowded === true;
      if (crowded && connection.owner === session && mayDetach(session, connection))
        session.detach(connection);
    });
  });
}

/** Whether a client that is sent away between statements would lose what it can't set up again on a new connection. */
export function isStateless(session: Session): boolean {
  if (session.inTransaction || isUntold(session) || session.pinned) return false;
  if (session.routes.stateful) return false;
  for (const statement of session.prepared.values()) if (statement.boundTo !== undefined) return false;
  return true;
}
