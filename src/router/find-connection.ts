/** From where a statement belongs to a server connection that can take it; nothing of the client's is sent on the way. */
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import { type Preparing, prepareOn } from './preparation.ts';
import type { RouteChoice } from './routes.ts';
import { failureOf, type ServerConnection } from './server-connection.ts';
import type { SessionConnections } from './session-connections.ts';
import type { SessionHost } from './session-host.ts';
import { waitForPosition } from './wait-position.ts';
import type { Work } from './work.ts';

/** The session that looks for a connection. */
export interface Seeker extends Preparing {
  readonly host: SessionHost;
  readonly work: Work;
  readonly connections: SessionConnections;
  readonly closed: boolean;
  /** What broke with its connection: nothing is sent then. */
  readonly lost: 'transaction' | 'state' | undefined;
}

/**
 * Waits for a primary up to `bufferTimeoutMs`; a replica that can't be used, or doesn't have what the read must see in
 * time, is passed over. Rejects with the server's ProtocolError, or an Error that says what was tried.
 */
export async function findConnection(session: Seeker): Promise<ServerConnection> {
  const { work, connections, routes, host } = session;
  const choice = await chosen(session);
  const bound = work.prepared?.boundTo;
  if (bound === 'lost' && work.code !== command.stmtReset) {
    throw new Error('its long data was lost');
  }
  if (bound !== undefined && bound !== 'lost') {
    if (connections.poolOf(bound) === undefined) throw new Error('its long data, or its cursor, was lost');
    return bound;
  }
  if (choice.slot === 'replica' && choice.member !== undefined) {
    try {
      const connection = await connections.attachReplica(choice.member, routes);
      if (await reaches(host, connection, choice)) return await equip(session, connection);
    } catch (error) {
      host.log.warn(`replica ${choice.member} can't be used: ${(error as Error).message}`);
    }
    if (session.closed) throw new Error('the client is gone');
  }
  work.choice = { ...choice, slot: 'primary', member: undefined };
  if (work.deadlineMs === 0) work.deadlineMs = performance.now() + host.config.bufferTimeoutMs;
  for (;;) {
    const stop = (): boolean => session.closed || session.lost !== undefined;
    const connection = await connections.attachPrimary(routes, work.deadlineMs, stop);
    try {
      return await equip(session, connection);
    } catch (error) {
      // Nothing of the client's was sent yet: what broke here is tried again.
      if (error instanceof ProtocolError || stop()) throw error;
    }
  }
}

/** The choice, made again when it was only for want of a position. */
async function chosen(session: Seeker): Promise<RouteChoice> {
  const { work, routes, host } = session;
  const first = work.choice as RouteChoice;
  if (!first.sampleFirst) return first;
  const beganMs = performance.now();
  await host.askPrimary();
  if (session.closed) throw new Error('the client is gone');
  const second = routes.choose(work.statement, beganMs);
  work.choice = second;
  return second;
}

/** Whether the replica has what the read must see; tells the others when it had to be asked. */
async function reaches(
  host: SessionHost,
  connection: ServerConnection,
  { member, waitFor, waitMs }: RouteChoice,
): Promise<boolean> {
  if (waitFor === undefined || member === undefined) return true;
  const beganMs = performance.now();
  if (!(await waitForPosition(connection, waitFor, waitMs))) {
    host.notReached(member);
    return false;
  }
  host.reached(member, waitFor, performance.now() - beganMs);
  return true;
}

/** Gives this server what the statement needs: its preparation, the last insert id. */
async function equip(session: Seeker, connection: ServerConnection): Promise<ServerConnection> {
  const { prepared, choice } = session.work;
  if (choice?.prelude !== undefined) {
    const packet = commandPacket(command.query, Buffer.from(choice.prelude));
    const failure = failureOf(await connection.asked(packet, responseShape.result));
    if (failure !== undefined) throw failure;
  }
  if (prepared !== undefined && !connection.statements.has(prepared.id)) {
    await prepareOn(session, connection, prepared);
  }
  return connection;
}
