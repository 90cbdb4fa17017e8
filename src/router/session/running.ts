/** A command goes to the server where it belongs: at once where the session has a connection that fits, else later. */
import { command, type ResponseShape, responseShape } from '#src/mysql-wire/commands.ts';
import { headerBytes, payloadLengthAt } from '#src/mysql-wire/framing.ts';
import type { ServerConnection } from '../servers/connection.ts';
import { packetTooLarge } from '../servers/packet-limit.ts';
import { missesInsertId } from './losses.ts';
import { type PreparedStatement, statementIdAt } from './prepared.ts';
import type { RouteChoice, RoutedStatement } from './routes.ts';
import type { Session } from './session.ts';
import { sendWhenPossible } from './waiting.ts';

function needsMore({ sampleFirst, prelude, waitFor }: RouteChoice): boolean {
  return sampleFirst || prelude !== undefined || waitFor !== undefined;
}

/** Sends the command packet where `statement` belongs; without a statement, to the primary. */
export function run(
  session: Session,
  code: number,
  shape: ResponseShape,
  buffer: Buffer,
  start: number,
  end: number,
  statement: RoutedStatement | undefined,
  prepared?: PreparedStatement,
): void {
  const { work } = session;
  session.stream.busy = true;
  work.begin(code, shape);
  work.statement = statement;
  work.prepared = prepared;
  work.beganMs = performance.now();
  if (code === command.query) work.text.keep(buffer, start + headerBytes + 1, end);
  const choice = session.routes.choose(session.pinned ? undefined : statement, work.beganMs);
  work.choice = choice;
  const connection = session.connections.ready(choice.slot, choice.member, session.routes);
  if (
    connection !== undefined &&
    !needsMore(choice) &&
    fits(session, connection, end - start) &&
    !missesInsertId(session)
  ) {
    sendTo(session, connection, buffer, start, end);
    return;
  }
  work.bytes = Buffer.from(buffer.subarray(start, end));
  void sendWhenPossible(session);
}

/** `run` for a command whose rest is still to come: `beginning` is kept until it can go. */
export function runLarge(
  session: Session,
  beginning: Buffer,
  statement: RoutedStatement | undefined,
  shape: ResponseShape,
  prepared?: PreparedStatement,
): void {
  const { work } = session;
  const code = beginning[headerBytes] as number;
  work.begin(code, shape);
  work.statement = statement;
  work.prepared = prepared;
  work.large = true;
  work.beganMs = performance.now();
  if (code === command.query) work.text.keep(beginning, headerBytes + 1, beginning.length);
  work.choice = session.routes.choose(session.pinned ? undefined : statement, work.beganMs);
  work.bytes = beginning;
  void sendWhenPossible(session);
}

/** Whether a packet of so many bytes can go to the connection as things are. */
function fits({ work, connections }: Session, connection: ServerConnection, packetBytes: number): boolean {
  if (connections.poolOf(connection)?.packetLimit.knows(packetBytes) === false) return false;
  const { prepared } = work;
  if (prepared === undefined) return true;
  return (prepared.boundTo ?? connection) === connection && connection.statements.has(prepared.id);
}

/** Sends the command that the session works on. */
export function sendTo(
  session: Session,
  connection: ServerConnection,
  buffer: Buffer,
  start: number,
  end: number,
): void {
  const { work } = session;
  const { statement, prepared } = work;
  if (session.connections.poolOf(connection)?.packetLimit.refuses(payloadLengthAt(buffer, start))) {
    session.onProtocolError(packetTooLarge());
    return;
  }
  let bytes = start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end);
  if (prepared !== undefined && work.code === command.stmtExecute) {
    bytes = prepared.executeFor(connection, buffer, start, end, work.large);
  } else if (prepared !== undefined) {
    buffer.writeUInt32LE(connection.statements.get(prepared.id)?.id ?? 0, start + statementIdAt);
  }
  if (statement?.resend === true && !session.inTransaction && !work.large) {
    work.bytes ??= Buffer.from(bytes);
  } else if (work.code !== command.stmtPrepare) work.bytes = undefined;
  if (work.code === command.stmtPrepare && !work.large) work.bytes ??= Buffer.from(bytes);
  work.connection = connection;
  work.refusedNow = false;
  session.answer.begin(session.status);
  if (!connection.forward(bytes, work.shape)) session.client.channel.keepBytes();
  if (work.code === command.stmtSendLongData && prepared !== undefined) prepared.boundTo = connection;
  if (work.shape !== responseShape.none || work.large) return;
  if (connection.channel.full) work.flushing = true;
  else session.finish();
}
