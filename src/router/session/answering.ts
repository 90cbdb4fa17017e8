/** What a session does with the answer of a server: it passes through, and what it says of the session is kept. */
import { capability } from '#src/mysql-wire/capabilities.ts';
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { parseErr } from '#src/mysql-wire/err-packet.ts';
import { packetOf } from '#src/mysql-wire/framing.ts';
import { withoutSessionState } from '#src/mysql-wire/ok-packet.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import { type ScanEvent, scanEvent } from '#src/mysql-wire/response-scanner.ts';
import { serverStatus } from '#src/mysql-wire/status.ts';
import type { Outcome } from '#src/routing/session.ts';
import type { ServerConnection } from '../servers/connection.ts';
import { abandonTransaction } from './losses.ts';
import { PreparedStatement } from './prepared.ts';
import type { Session } from './session.ts';
import { tryNextPrimary } from './waiting.ts';

/** The only option that there is, beside its opposite. */
const multiStatementsOn = 0;

/** What a server answers to a write while it is read-only, and why; other reasons for 1290 don't pass. */
const readOnlyRefusal = { errno: 1290, option: '--read-only' };

/** `ConnectionOwner.onAnswerPacket`. */
export function takePacket(
  session: Session,
  connection: ServerConnection,
  event: ScanEvent,
  buffer: Buffer,
): Buffer | undefined {
  const { answer } = session;
  const { scanner } = connection;
  const { payloadStart, packetEnd } = scanner;
  switch (event) {
    case scanEvent.ok: {
      const packet = answer.takeOk(buffer, payloadStart, packetEnd);
      if (session.host.publishes) publish(session, connection);
      if (session.sessionTrack || packet.changes === undefined) return undefined;
      return withoutSessionState(buffer, payloadStart, packetEnd, buffer[payloadStart - 1] as number);
    }
    case scanEvent.eof:
      answer.takeEof(buffer, payloadStart, packetEnd, scanner.status);
      if (session.host.publishes) publish(session, connection);
      return undefined;
    case scanEvent.err:
      answer.ok = false;
      answer.errno = scanner.errno;
      if (session.host.publishes) publish(session, connection);
      return keepRefusal(session, buffer.subarray(payloadStart, packetEnd), scanner.errno);
    case scanEvent.prepared:
      rememberPrepared(session, connection, buffer);
      return undefined;
    case scanEvent.localFile:
      // The client sends after it has seen the request, which goes out behind this.
      queueMicrotask(() => {
        if (session.work.connection === connection) session.stream.beginUpload('file', connection.channel);
      });
      return undefined;
    default:
      return undefined;
  }
}

/**
 * What a demoted primary refused: a simple statement waits for the next one, its error is kept; a transaction is given up,
 * and its client told that it can be run again. Undefined: the error is passed on.
 */
function keepRefusal(session: Session, payload: Buffer, errno: number): Buffer | undefined {
  const { work, answer } = session;
  if (errno !== readOnlyRefusal.errno || answer.passed || work.choice?.slot !== 'primary') return undefined;
  const { statement, bytes } = work;
  const mayHandle = session.inTransaction
    ? statement?.losesTransaction === true
    : statement?.resend === true && bytes !== undefined;
  if (!mayHandle || !parseErr(payload).message.includes(readOnlyRefusal.option)) return undefined;
  work.refusal = packetOf(payload, 1);
  work.refusedNow = true;
  return Buffer.alloc(0);
}

function rememberPrepared(session: Session, connection: ServerConnection, buffer: Buffer): void {
  const { scanner } = connection;
  const { statement, bytes, large } = session.work;
  if (statement === undefined || (bytes === undefined && !large)) {
    throw new ProtocolError(1835, 'HY000', 'unasked');
  }
  const id = ++session.lastPreparedId;
  const packet = large ? undefined : bytes;
  session.prepared.add(new PreparedStatement(id, packet, statement, session.routes, scanner.parameters));
  connection.statements.set(id, { id: scanner.statementId, typesVersion: 0 });
  buffer.writeUInt32LE(id, scanner.payloadStart + 1);
}

/** `ConnectionOwner.onAnswerEnd`. */
export function endAnswer(session: Session, connection: ServerConnection): void {
  const { work, routes, answer, host } = session;
  if (work.refusedNow) {
    if (session.inTransaction) abandonTransaction(session, connection);
    else tryNextPrimary(session, connection);
    return;
  }
  if (answer.ok) {
    session.status = answer.status & ~serverStatus.sessionStateChanged & ~serverStatus.moreResults;
  }
  const pool = session.connections.poolOf(connection);
  const ran = work.executed;
  const endedMs = performance.now();
  const prepared = work.code === command.stmtPrepare ? work.statement : undefined;
  routes.answered(ran, outcomeOf(session, connection, endedMs), prepared);
  if (pool !== undefined) host.observer.answered(session, pool, ran, connection.scanner.rows, endedMs);
  bindPrepared(session, connection);
  if (work.code === command.setOption && answer.ok) keepOption(session);
  if (session.pinned && session.connections.slotOf(connection) === 'primary') connection.unusable = true;
  connection.settings = routes.settings;
  connection.database = routes.schema;
  connection.lastUsedMs = host.nowMs;
  connection.endIfMoreCame();
  if (session.stream.uploading) {
    // The server has answered without waiting for the rest, and reads no more: the rest is no command.
    connection.unusable = true;
    session.close();
    return;
  }
  // What it was spared for is answered: nothing more may run on a member that was something else.
  if (pool?.retired === true) session.connections.leavesRetired(connection);
  session.finish();
  if (pool?.crowded === true && connection.owner === session && session.mayDetach(connection)) {
    session.detach(connection);
  }
}

function outcomeOf(
  { answer, connections, host }: Session,
  connection: ServerConnection,
  endedMs: number,
): Outcome {
  const slot = connections.slotOf(connection);
  const pool = connections.poolOf(connection);
  const member = pool?.member.name ?? '';
  const epoch = slot === 'primary' ? (pool?.epoch ?? 0) : host.historyEpochOf(member);
  return answer.outcome(member, slot, epoch, endedMs);
}

/** A read that begins elsewhere when the client has the answer must know of it already. */
function publish(session: Session, connection: ServerConnection): void {
  const outcome = outcomeOf(session, connection, performance.now());
  session.routes.acknowledging?.(session.work.executed, outcome);
}

/** The connections that the session has after a reset log in with it. */
function keepOption(session: Session): void {
  const { client, option } = session;
  const without = client.capabilities & ~capability.multiStatements;
  const capabilities = option === multiStatementsOn ? without | capability.multiStatements : without;
  session.client = { ...client, capabilities };
}

/** An open cursor keeps its statement where it is. */
function bindPrepared({ work, answer }: Session, connection: ServerConnection): void {
  const { prepared, code } = work;
  if (prepared === undefined) return;
  const { status } = answer;
  const asked = work.shape === responseShape.cursor || code === command.stmtFetch;
  const open = answer.ok && asked && (status & serverStatus.cursorExists) !== 0;
  const last = (status & serverStatus.lastRowSent) !== 0;
  if (code === command.stmtExecute || code === command.stmtFetch || code === command.stmtBulkExecute) {
    prepared.boundTo = open && !last ? connection : undefined;
  } else if (code === command.stmtReset) prepared.boundTo = undefined;
}
