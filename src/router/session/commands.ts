/** What each command does: answered by the router itself, passed to a server, or refused. */
import { setTimeout as sleep } from 'node:timers/promises';
import { nativePassword } from '#src/mysql-wire/auth-native.ts';
import { capability } from '#src/mysql-wire/capabilities.ts';
import { parseChangeUser } from '#src/mysql-wire/change-user.ts';
import { command, type ResponseShape, responseShape, responseShapeOf } from '#src/mysql-wire/commands.ts';
import { errPacket } from '#src/mysql-wire/err-packet.ts';
import { headerBytes } from '#src/mysql-wire/framing.ts';
import { malformed, ProtocolError, tooLarge } from '#src/mysql-wire/protocol-error.ts';
import { serverStatus } from '#src/mysql-wire/status.ts';
import { proveClient } from '../clients/login.ts';
import { Dialogue } from '../dialogue.ts';
import {
  connectionKilled,
  interrupted,
  replicationRefused,
  tooManyPrepared,
  unknownCommand,
  unknownStatement,
  wrongArguments,
} from '../errors.ts';
import { checkSchema, schemaErrors } from '../servers/schema-check.ts';
import { largeCommandBytes } from './client-stream.ts';
import { closePacket, statementIdAt } from './prepared.ts';
import { run, runLarge } from './running.ts';
import type { Session } from './session.ts';

/** How long the answer to a wrong password takes, and how many wrong ones a session may name: the server's numbers. */
const failedChangeMs = 1_000;
const maxFailedChanges = 3;

const shutdownDenied = {
  errno: 1227,
  sqlState: '42000',
  message:
    'Access denied; the SQL router shuts down no server: you need (at least one of) the SHUTDOWN privilege(s)',
};

/** A whole command packet between `start` and `end`. Throws a ProtocolError, which ends the session. */
export function handleCommand(session: Session, buffer: Buffer, start: number, end: number): void {
  const code = buffer[start + headerBytes] as number;
  if (end - start === headerBytes) {
    session.replyError(unknownCommand(undefined));
    return;
  }
  switch (code) {
    case command.query:
      query(session, buffer, start, end);
      return;
    case command.stmtExecute:
    case command.stmtFetch:
    case command.stmtReset:
    case command.stmtBulkExecute:
    case command.stmtSendLongData:
      statementCommand(session, code, buffer, start, end);
      return;
    case command.stmtPrepare: {
      session.prepared.forgetLast();
      if (!session.prepared.hasRoomFor(end - start)) {
        session.replyError(tooManyPrepared(session.prepared.size));
        return;
      }
      const statement = session.routes.analysePrepared(buffer.subarray(start + headerBytes + 1, end), true);
      run(session, code, responseShape.prepare, buffer, start, end, statement);
      return;
    }
    case command.stmtClose:
      closeStatement(session, buffer, start, end);
      return;
    case command.quit:
      session.close();
      return;
    case command.ping:
      session.replyOk();
      return;
    case command.resetConnection:
      session.startOver(session.client);
      forget(session, session.routes.schema);
      session.replyOk();
      return;
    case command.changeUser:
      if (session.failedChanges >= maxFailedChanges) {
        session.replyError(unknownCommand(undefined));
        return;
      }
      session.stream.busy = true;
      void changeUser(session, Buffer.from(buffer.subarray(start + headerBytes, end)));
      return;
    case command.initDb: {
      const schema = buffer.toString('utf8', start + headerBytes + 1, end);
      const statement = session.routes.useSchema(schema);
      run(session, code, responseShape.result, buffer, start, end, statement);
      return;
    }
    case command.fieldList:
    case command.statistics:
    case command.processInfo:
    case command.debug:
    case command.refresh:
    case command.createDb:
    case command.dropDb:
      run(session, code, responseShapeOf(code), buffer, start, end, undefined);
      return;
    case command.setOption:
      setOption(session, buffer, start, end);
      return;
    case command.processKill:
      if (end - start < headerBytes + 5) throw malformed('COM_PROCESS_KILL');
      if (!kill(session, buffer.readUInt32LE(start + headerBytes + 1), false)) {
        run(session, code, responseShape.result, buffer, start, end, undefined);
      }
      return;
    case command.binlogDump:
    case command.binlogDumpGtid:
    case command.registerReplica:
    case command.tableDump:
      session.replyError(replicationRefused());
      return;
    case command.shutdown:
      session.replyError(shutdownDenied);
      return;
    default:
      session.replyError(unknownCommand(code));
  }
}

/** A command too long to keep: its first bytes decide. */
export function handleLargeCommand(session: Session, beginning: Buffer): void {
  const code = beginning[headerBytes] as number;
  if (code === command.query) {
    runLarge(
      session,
      beginning,
      session.routes.analyse(beginning.subarray(headerBytes + 1), false),
      responseShape.result,
    );
    return;
  }
  if (code === command.stmtPrepare) {
    prepareLarge(session, beginning);
    return;
  }
  if (code === command.stmtExecute || code === command.stmtSendLongData || code === command.stmtBulkExecute) {
    const prepared = session.prepared.named(beginning, 0, beginning.length);
    if (prepared !== undefined) {
      runLarge(session, beginning, prepared.routed, shapeOf(code, beginning, 0, beginning.length), prepared);
      return;
    }
  }
  throw tooLarge('this command', largeCommandBytes);
}

/** Its text isn't kept, so it can't be prepared on another connection: the session stays on this one. */
function prepareLarge(session: Session, beginning: Buffer): void {
  const { prepared } = session;
  prepared.forgetLast();
  if (!prepared.hasRoomFor(0)) {
    session.closeWith(tooManyPrepared(prepared.size));
    return;
  }
  const statement = session.routes.analysePrepared(beginning.subarray(headerBytes + 1), false);
  runLarge(session, beginning, statement, responseShape.prepare);
  session.pinPrimary();
}

function query(session: Session, buffer: Buffer, start: number, end: number): void {
  const statement = session.routes.analyse(buffer.subarray(start + headerBytes + 1, end), true);
  const { kill: target } = statement;
  if (target !== undefined && kill(session, target.id, target.queryOnly)) return;
  run(session, command.query, responseShape.result, buffer, start, end, statement);
}

function statementCommand(session: Session, code: number, buffer: Buffer, start: number, end: number): void {
  const prepared = session.prepared.named(buffer, start, end);
  if (prepared === undefined) {
    // Long data has no answer: the server keeps the error for the execution too.
    const id = buffer.readUInt32LE(start + statementIdAt);
    if (code !== command.stmtSendLongData) session.replyError(unknownStatement(id));
    return;
  }
  if (code === command.stmtExecute && prepared.lacksParameters(buffer, start, end)) {
    session.replyError(wrongArguments);
    return;
  }
  // Long data goes to the primary, and the execution follows it there.
  const routed = code === command.stmtSendLongData ? undefined : prepared.routed;
  run(session, code, shapeOf(code, buffer, start, end), buffer, start, end, routed, prepared);
}

/** The flags of an execution, behind the statement's id, ask for a cursor or don't. */
function shapeOf(code: number, buffer: Buffer, start: number, end: number): ResponseShape {
  const flagsAt = start + statementIdAt + 4;
  const cursor = code === command.stmtExecute && flagsAt < end && buffer[flagsAt] !== 0;
  return cursor ? responseShape.cursor : responseShapeOf(code);
}

/** Has no answer. */
function closeStatement(session: Session, buffer: Buffer, start: number, end: number): void {
  const prepared = session.prepared.named(buffer, start, end);
  if (prepared === undefined) return;
  session.prepared.delete(prepared);
  for (const slot of ['primary', 'replica'] as const) {
    const connection = session.connections.in(slot);
    const server = connection?.statements.get(prepared.id);
    if (connection === undefined || server === undefined) continue;
    connection.statements.delete(prepared.id);
    connection.forward(closePacket(server.id), responseShape.none);
  }
}

/** Multi-statements on or off: nothing resets it on a connection, nor does it end with a reset of the session. */
function setOption(session: Session, buffer: Buffer, start: number, end: number): void {
  if (end - start < headerBytes + 3) throw malformed('COM_SET_OPTION');
  session.option = buffer.readUInt16LE(start + headerBytes + 1);
  run(session, command.setOption, responseShape.result, buffer, start, end, undefined);
  session.pinPrimary();
}

/** False when the id isn't one that a router gave: then the server is asked. */
function kill(session: Session, id: number, queryOnly: boolean): boolean {
  if (id === session.client.id) {
    if (queryOnly) session.replyError(interrupted);
    else session.closeWith(connectionKilled);
    return true;
  }
  const killed = session.host.kill(session, id, queryOnly);
  if (killed === undefined) return false;
  session.stream.busy = true;
  void killed.then((error) => {
    if (session.closed) return;
    if (error === null) session.replyOk();
    else session.replyError(error);
    session.stream.ready();
  });
  return true;
}

function forget(session: Session, schema: string | undefined): void {
  session.routes.reset(schema);
  session.prepared.clear();
  session.status = serverStatus.autocommit;
}

async function changeUser(session: Session, payload: Buffer): Promise<void> {
  const { client, host } = session;
  const dialogue = new Dialogue(client.channel, 10_000, 1);
  let failure: unknown;
  try {
    const change = parseChangeUser(payload);
    const account = host.accounts.get(change.user);
    await proveClient(dialogue, {
      user: change.user,
      account,
      host: client.host,
      plugin: change.authPlugin ?? nativePassword,
      answer: change.authResponse,
      scramble: client.scramble,
      mayBeAsked: (client.capabilities & capability.pluginAuth) !== 0,
    });
    const next = {
      ...client,
      account: account ?? client.account,
      collation: change.collation ?? client.collation,
    };
    // However it ends, they are given up: the check may need one of them.
    session.startOver(client);
    await checkSchema(host, next, change.database);
    if (session.closed) return;
    session.becomeClient(next, change.database);
    forget(session, change.database);
  } catch (error) {
    failure = error;
  }
  const { sequenceId } = dialogue;
  const rest = dialogue.finish();
  session.listenAgain();
  // The end of a client that left meanwhile was the dialogue's to hear.
  if (!session.client.channel.open) {
    session.close();
    return;
  }
  if (failure instanceof ProtocolError && schemaErrors.has(failure.errno)) {
    // As the server does it: the session is as new, still the old account's, and guessing takes its time.
    session.startOver(session.client);
    forget(session, session.routes.schema);
    session.failedChanges++;
    await sleep(failedChangeMs);
    if (session.closed) return;
    session.reply(errPacket(failure, sequenceId));
  } else if (failure !== undefined) {
    session.endAfter(failure, sequenceId);
    return;
  } else session.replyLoggedIn(sequenceId);
  if (rest.length > 0) session.stream.take(rest);
  session.stream.ready();
}
