/** From where a statement belongs to a server connection that can take it; nothing of the client's is sent on the way. */
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import { failureOf, type ServerConnection } from '../servers/connection.ts';
import { waitForPosition } from '../servers/wait-position.ts';
import type { SessionConnections } from './connections.ts';
import type { SessionHost } from './host.ts';
import { type Preparing, prepareOn } from './preparation.ts';
import type { RouteChoice } from './routes.ts';
import type { Session } from './session.ts';
import type { Work } from './work.ts';

/** The session that looks for a connection. */
export interface Seeker extends Preparing {
  readonly host: SessionHost;
  readonly work: Work;
  readonly connections: SessionConnections;
  readonly closed: boolean;
  /** What broke with its connection: nothing is sent then. */
  readonly lost: Session['lost'];
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
  if (bound !== undefined && bound !== 'lost' && !closesCursor(session, bound)) {
    const gone = 'its long data, or its cursor, was lost';
    if (connections.poolOf(bound) === undefined) throw new Error(gone);
    await connections.bringUp(bound, routes, host.config.connectTimeoutMs);
    if (connections.leavesRetired(bound)) throw new Error(gone);
    return bound;
  }
  if (choice.slot === 'replica' && choice.member !== undefined) {
    try {
      // A replica that is gone may never say so; the primary is there.
      const { connectTimeoutMs } = host.config;
      const connection = await connections.attachReplica(choice.member, routes, connectTimeoutMs);
      if (await connection.within(choice.waitMs + connectTimeoutMs, reaches(host, connection, choice))) {
        const ready = await connection.within(connectTimeoutMs, equip(session, connection));
        if (!connections.leavesRetired(ready)) return ready;
      }
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
      const ready = await equip(session, connection);
      if (!connections.leavesRetired(ready)) return ready;
    } catch (error) {
      // Nothing of the client's was sent yet: what broke here is tried again.
      if (error instanceof ProtocolError || stop()) throw error;
    }
  }
}

/** The choice, made again when it was only for want of a position, or for a replica that the session can't turn to. */
async function chosen(session: Seeker): Promise<RouteChoice> {
  const { work, routes, host } = session;
  let choice = work.choice as RouteChoice;
  let { beganMs } = work;
  if (choice.sampleFirst) {
    beganMs = performance.now();
    await host.askPrimary();
    if (session.closed) throw new Error('the client is gone');
    choice = routes.choose(work.statement, beganMs);
  }
  const held = choice.slot === 'replica' ? heldReplica(session) : undefined;
  if (held !== undefined && choice.member !== held) {
    choice = routes.choose(work.statement, beganMs, held);
    if (choice.member !== held) choice = { ...choice, slot: 'primary', member: undefined };
  }
  work.choice = choice;
  return choice;
}

/** The replica on which a cursor is open: with a connection to another one it would be lost. */
function heldReplica({ connections, prepared }: Seeker): string | undefined {
  const connection = connections.in('replica');
  if (connection === undefined) return undefined;
  for (const { boundTo } of prepared.values()) {
    if (boundTo === connection) return connections.poolOf(connection)?.member.name;
  }
  return undefined;
}

/** Long data is on the primary alone: on a replica it is a cursor, which an execution closes, wherever that runs. */
function closesCursor({ work, connections }: Seeker, bound: ServerConnection): boolean {
  return work.code === command.stmtExecute && connections.in('replica') === bound;
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
