/**
 * One client's session, from its login on: finds each command a server connection and passes the answer back. It never
 * sends again what was sent, but for a simple statement that a read-only server refused.
 */
import { capability } from '#src/mysql-wire/capabilities.ts';
import { command, type ResponseShape, responseShape } from '#src/mysql-wire/commands.ts';
import { type ErrPacket, encodeErr, errPacket, parseErr } from '#src/mysql-wire/err-packet.ts';
import { commandPacket, headerBytes, packetOf } from '#src/mysql-wire/framing.ts';
import { okPacket, withoutSessionState } from '#src/mysql-wire/ok-packet.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import { type ScanEvent, scanEvent } from '#src/mysql-wire/response-scanner.ts';
import { serverStatus } from '#src/mysql-wire/status.ts';
import { Answer } from './answer.ts';
import type { Channel } from './channel.ts';
import { ClientStream, type CommandHandler, type UploadKind } from './client-stream.ts';
import type { RouterAccount } from './config.ts';
import { notExecuted, outcomeUnknown, stateLost, transactionLost } from './errors.ts';
import { findConnection } from './find-connection.ts';
import { PreparedStatement, statementIdAt } from './prepared.ts';
import type { RouteChoice, RoutedStatement, SessionRoutes, Slot } from './routes.ts';
import { rowsOf } from './rows.ts';
import type { ConnectionOwner, ServerConnection } from './server-connection.ts';
import { handleCommand, handleLargeCommand } from './session-commands.ts';
import { SessionConnections } from './session-connections.ts';
import type { SessionHost } from './session-host.ts';
import { Work } from './work.ts';

/** Who logged in, and with what. */
export interface SessionClient {
  readonly id: number;
  readonly channel: Channel;
  readonly account: RouterAccount;
  readonly host: string;
  readonly capabilities: number;
  readonly extendedCapabilities: number;
  readonly collation: number;
  /** Of the greeting. */
  readonly scramble: Buffer;
}

function needsMore({ sampleFirst, prelude, waitFor }: RouteChoice): boolean {
  return sampleFirst || prelude !== undefined || waitFor !== undefined;
}

/** What a server answers to a write while it is read-only, and why; other reasons for 1290 don't pass. */
const readOnlyRefusal = { errno: 1290, option: '--read-only' };

export class Session implements CommandHandler, ConnectionOwner {
  readonly host: SessionHost;
  client: SessionClient;
  readonly stream: ClientStream;
  routes: SessionRoutes;
  connections: SessionConnections;
  readonly prepared = new Map<number, PreparedStatement>();
  lastPreparedId = 0;
  /** Status flags of the last answer, or of a new connection. */
  status: number = serverStatus.autocommit;
  readonly work = new Work();
  readonly #answer = new Answer();
  readonly #sessionTrack: boolean;
  #closed = false;
  /** The server connection that waits for the client to read. */
  #waitsForClient: ServerConnection | undefined;
  #heldBytes = 0;
  #pinned = false;
  /** What was lost while nothing ran: the next command is told. */
  #lost: 'transaction' | 'state' | undefined;

  constructor(host: SessionHost, client: SessionClient, schema: string | undefined) {
    this.host = host;
    this.client = client;
    this.#sessionTrack = (client.capabilities & capability.sessionTrack) !== 0;
    this.routes = host.newRoutes(client, schema);
    this.connections = new SessionConnections(this, host, host.loginKey(client));
    this.stream = new ClientStream(client.channel, this);
    this.listenAgain();
  }

  /** The channel's bytes are commands, from now on or again. */
  listenAgain(): void {
    const { channel } = this.client;
    this.stream.listen();
    channel.onEnd = () => this.close();
    channel.onDrain = () => this.#resumeServer();
  }

  /** COM_CHANGE_USER succeeded; the connections of before were given back. */
  becomeClient(client: SessionClient, schema: string | undefined): void {
    this.client = client;
    this.routes = this.host.newRoutes(client, schema);
    this.connections = new SessionConnections(this, this.host, this.host.loginKey(client));
  }

  /** The primary connection has what can't be had on another one, nor be reset. */
  pinPrimary(): void {
    this.#pinned = true;
    const connection = this.connections.in('primary');
    if (connection !== undefined) connection.unusable = true;
  }

  get inTransaction(): boolean {
    return (this.status & serverStatus.inTransaction) !== 0;
  }

  get closed(): boolean {
    return this.#closed;
  }

  // ---- Commands of the client

  onCommand(buffer: Buffer, start: number, end: number): void {
    try {
      if (this.#lost !== undefined && this.#tellLoss(buffer, start, end)) return;
      handleCommand(this, buffer, start, end);
    } catch (error) {
      this.onProtocolError(error);
    }
  }

  onLargeCommand(beginning: Buffer): void {
    try {
      handleLargeCommand(this, beginning);
    } catch (error) {
      this.onProtocolError(error);
    }
  }

  /** Tells the client and ends the session; what is no protocol error is a bug, and ends the process. */
  onProtocolError(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.closeWith(error);
  }

  onUploadEnd(kind: UploadKind, sequenceId: number): void {
    const { connection } = this.work;
    if (kind === 'file') connection?.scanner.resumeAfterLocalFile(sequenceId);
    else if (this.work.shape === responseShape.none || connection === undefined) this.#finish();
  }

  /** Answers a command without a server. */
  reply(packet: Buffer): void {
    this.client.channel.write(packet);
  }

  replyOk(): void {
    this.reply(okPacket({ status: this.status }, 1));
  }

  replyOkAt(sequenceId: number): void {
    this.reply(okPacket({ status: this.status }, sequenceId));
  }

  replyError(error: ErrPacket): void {
    this.reply(errPacket(error, 1));
  }

  /** Sends the command packet where `statement` belongs; without a statement, to the primary. */
  run(
    code: number,
    shape: ResponseShape,
    buffer: Buffer,
    start: number,
    end: number,
    statement: RoutedStatement | undefined,
    prepared?: PreparedStatement,
  ): void {
    const { work } = this;
    this.stream.busy = true;
    work.begin(code, shape);
    work.statement = statement;
    work.prepared = prepared;
    const choice = this.routes.choose(this.#pinned ? undefined : statement, performance.now());
    work.choice = choice;
    const connection = this.connections.ready(choice.slot, choice.member, this.routes);
    if (connection !== undefined && !needsMore(choice) && this.#fits(connection)) {
      this.#send(connection, buffer, start, end);
      return;
    }
    work.bytes = Buffer.from(buffer.subarray(start, end));
    void this.#runSlowly();
  }

  /** `run` for a command whose rest is still to come: `beginning` is kept until it can go. */
  runLarge(
    beginning: Buffer,
    statement: RoutedStatement | undefined,
    shape: ResponseShape,
    prepared?: PreparedStatement,
  ): void {
    const { work } = this;
    work.begin(beginning[headerBytes] as number, shape);
    work.statement = statement;
    work.prepared = prepared;
    work.large = true;
    work.choice = this.routes.choose(this.#pinned ? undefined : statement, performance.now());
    work.bytes = beginning;
    void this.#runSlowly();
  }

  #fits(connection: ServerConnection): boolean {
    const { prepared } = this.work;
    if (prepared === undefined) return true;
    return (prepared.boundTo ?? connection) === connection && connection.statements.has(prepared.id);
  }

  // ---- Finding a connection

  async #runSlowly(): Promise<void> {
    const { work } = this;
    const bytes = work.bytes as Buffer;
    try {
      this.#hold(bytes.length);
      const connection = await findConnection(this);
      if (this.#closed) {
        this.connections.release(connection, false);
        return;
      }
      this.#send(connection, bytes, 0, bytes.length);
      if (work.large && work.connection !== undefined) this.stream.beginUpload('command', connection.channel);
    } catch (error) {
      // A connection that came after the client had gone is nobody's.
      if (this.#closed) this.releaseConnections();
      else this.#refuse(error as Error);
    } finally {
      this.#hold(-this.#heldBytes);
    }
  }

  #hold(bytes: number): void {
    if (bytes > 0 && !this.host.hold(bytes))
      throw new Error('too many statements wait already (bufferBytes)');
    if (bytes < 0) this.host.hold(bytes);
    this.#heldBytes += bytes;
  }

  /** Nothing was sent, and nothing will be. */
  #refuse(error: Error): void {
    const { work } = this;
    if (work.prepared !== undefined) work.prepared.boundTo = undefined;
    if (work.refusal !== undefined) this.reply(work.refusal);
    else if (work.shape !== responseShape.none) {
      this.replyError(error instanceof ProtocolError ? error : notExecuted(error.message));
    }
    if (work.large) this.client.channel.end();
    else this.#finish();
  }

  // ---- Sending, and the answer

  #send(connection: ServerConnection, buffer: Buffer, start: number, end: number): void {
    const { work } = this;
    const { statement, prepared } = work;
    let bytes = start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end);
    if (prepared !== undefined && work.code === command.stmtExecute) {
      bytes = prepared.executeFor(connection, buffer, start, end);
    } else if (prepared !== undefined) {
      buffer.writeUInt32LE(connection.statements.get(prepared.id)?.id ?? 0, start + statementIdAt);
    }
    if (statement?.resend === true && !this.inTransaction && !work.large) {
      work.bytes ??= Buffer.from(bytes);
    } else if (work.code !== command.stmtPrepare) work.bytes = undefined;
    if (work.code === command.stmtPrepare) work.bytes ??= Buffer.from(bytes);
    work.connection = connection;
    work.refusedNow = false;
    this.#answer.begin();
    if (!connection.forward(bytes, work.shape)) this.client.channel.keepBytes();
    if (work.code === command.stmtSendLongData && prepared !== undefined) prepared.boundTo = connection;
    if (work.shape === responseShape.none && !work.large) this.#finish();
  }

  onAnswerBytes(connection: ServerConnection, bytes: Buffer): boolean {
    this.#answer.passed = true;
    const { channel } = this.client;
    if (channel.write(bytes)) return true;
    if (channel.full && this.#waitsForClient === undefined) {
      this.#waitsForClient = connection;
      connection.channel.pause();
    }
    return false;
  }

  onAnswerPacket(connection: ServerConnection, event: ScanEvent, buffer: Buffer): Buffer | undefined {
    const { scanner } = connection;
    const { payloadStart, packetEnd } = scanner;
    switch (event) {
      case scanEvent.ok: {
        const packet = this.#answer.takeOk(buffer, payloadStart, packetEnd);
        if (this.#sessionTrack || packet.changes === undefined) return undefined;
        return withoutSessionState(buffer, payloadStart, packetEnd, buffer[payloadStart - 1] as number);
      }
      case scanEvent.eof:
        this.#answer.takeEof(buffer, payloadStart, packetEnd, scanner.status);
        if (!this.#sessionTrack && packetEnd - payloadStart >= 5) {
          const at = payloadStart + 4;
          buffer[at] = (buffer[at] as number) & ~(serverStatus.sessionStateChanged >> 8);
        }
        return undefined;
      case scanEvent.err:
        this.#answer.ok = false;
        return this.#keepRefusal(buffer.subarray(payloadStart, packetEnd), scanner.errno);
      case scanEvent.prepared:
        this.#rememberPrepared(connection, buffer);
        return undefined;
      case scanEvent.localFile:
        // The client sends after it has seen the request, which goes out behind this.
        queueMicrotask(() => {
          if (this.work.connection === connection) this.stream.beginUpload('file', connection.channel);
        });
        return undefined;
      default:
        return undefined;
    }
  }

  /** A simple statement that a demoted primary refused waits for the next one; its error is kept. */
  #keepRefusal(payload: Buffer, errno: number): Buffer | undefined {
    const { work } = this;
    if (errno !== readOnlyRefusal.errno || this.#answer.passed || this.inTransaction) return undefined;
    if (work.statement?.resend !== true || work.bytes === undefined) return undefined;
    if (work.choice?.slot !== 'primary' || !parseErr(payload).message.includes(readOnlyRefusal.option)) {
      return undefined;
    }
    work.refusal = packetOf(payload, 1);
    work.refusedNow = true;
    return Buffer.alloc(0);
  }

  #rememberPrepared(connection: ServerConnection, buffer: Buffer): void {
    const { scanner } = connection;
    const { statement, bytes } = this.work;
    if (statement === undefined || bytes === undefined) throw new ProtocolError(1835, 'HY000', 'unasked');
    const id = ++this.lastPreparedId;
    this.prepared.set(id, new PreparedStatement(id, bytes, statement, scanner.parameters));
    connection.statements.set(id, { id: scanner.statementId, typesVersion: 0 });
    buffer.writeUInt32LE(id, scanner.payloadStart + 1);
  }

  onAnswerEnd(connection: ServerConnection): void {
    const { work, routes } = this;
    if (work.refusedNow) {
      this.#tryNextPrimary(connection);
      return;
    }
    const answer = this.#answer;
    if (answer.ok)
      this.status = answer.status & ~serverStatus.sessionStateChanged & ~serverStatus.moreResults;
    const slot = this.connections.slotOf(connection);
    const pool = this.connections.poolOf(connection);
    const member = pool?.member.name ?? '';
    // Only an execution does what the text says.
    const ran =
      work.code === command.stmtPrepare || work.code === command.stmtReset ? undefined : work.statement;
    const epoch = slot === 'primary' ? (pool?.epoch ?? 0) : this.host.historyEpochOf(member);
    routes.answered(ran, answer.outcome(member, slot, epoch, performance.now()));
    this.#bindPrepared(connection);
    if (this.#pinned && slot === 'primary') connection.unusable = true;
    connection.settings = routes.settings;
    connection.database = routes.schema;
    connection.lastUsedMs = this.host.nowMs;
    this.#finish();
    if (pool?.crowded === true && connection.owner === this && this.mayDetach(connection))
      this.detach(connection);
  }

  /** An open cursor keeps its statement where it is. */
  #bindPrepared(connection: ServerConnection): void {
    const { prepared, code } = this.work;
    if (prepared === undefined) return;
    const open = this.#answer.ok && (this.#answer.status & serverStatus.cursorExists) !== 0;
    const last = (this.#answer.status & serverStatus.lastRowSent) !== 0;
    if (code === command.stmtExecute || code === command.stmtFetch || code === command.stmtBulkExecute) {
      prepared.boundTo = open && !last ? connection : undefined;
    } else if (code === command.stmtReset) prepared.boundTo = undefined;
  }

  #tryNextPrimary(connection: ServerConnection): void {
    const { work } = this;
    this.connections.forget(connection);
    connection.owner = undefined;
    connection.lose('it became read-only');
    work.connection = undefined;
    const deadlineMs = performance.now() + this.host.config.bufferTimeoutMs;
    if (work.deadlineMs === 0) work.deadlineMs = deadlineMs;
    const leftMs = Math.max(0, work.deadlineMs - performance.now());
    void this.host.changed(Math.min(100, leftMs)).then(() => {
      if (this.#closed) return;
      if (leftMs === 0) this.#refuse(new Error('no primary'));
      else void this.#runSlowly();
    });
  }

  #finish(): void {
    this.work.end();
    if (!this.#closed) this.stream.ready();
  }

  // ---- Connections come and go

  mayDetach(connection: ServerConnection): boolean {
    if (this.stream.busy || this.work.active || this.inTransaction || this.#lost !== undefined) return false;
    for (const statement of this.prepared.values()) if (statement.boundTo === connection) return false;
    if (this.#pinned) return false;
    if (this.routes.mayLeave(this.connections.slotOf(connection))) return true;
    this.#askValues(connection);
    return false;
  }

  /** What ties the session to the connection may be no more than values that can be asked for; it may leave then. */
  #askValues(connection: ServerConnection): void {
    const sql = this.routes.valuesQuery();
    if (sql === undefined || connection.busy || connection !== this.connections.in('primary')) return;
    this.stream.busy = true;
    const packet = commandPacket(command.query, Buffer.from(sql));
    connection.ask(packet, responseShape.result, ({ error, bytes }) => {
      if (this.#closed) return;
      const [values] = error === undefined ? rowsOf(bytes) : [];
      if (values !== undefined) this.routes.takeValues(values);
      const crowded = this.connections.poolOf(connection)?.crowded === true;
      if (crowded && this.routes.mayLeave('primary')) this.detach(connection);
      // The values are the connection's own.
      else if (connection.open) connection.settings = this.routes.settings;
      this.stream.ready();
    });
  }

  detach(connection: ServerConnection): void {
    this.#stopWaiting(connection);
    this.connections.release(connection, false);
  }

  onReceiverDrain(): void {
    this.stream.onReceiverDrain();
  }

  onConnectionLost(connection: ServerConnection, reason: string, inFlight: boolean): void {
    const pool = this.connections.poolOf(connection);
    const slot = this.connections.slotOf(connection);
    const loss = this.#pinned ? 'state' : this.routes.lost(slot);
    this.connections.forget(connection);
    if (this.#waitsForClient === connection) this.#waitsForClient = undefined;
    for (const statement of this.prepared.values()) {
      if (statement.boundTo === connection) statement.boundTo = connection;
    }
    if (this.#closed) return;
    if (slot === 'primary') {
      this.status &= ~(serverStatus.inTransaction | serverStatus.inReadOnlyTransaction);
    }
    if (this.work.connection !== connection || !inFlight) {
      if (loss !== 'nothing') this.#lost = loss;
      return;
    }
    if (this.#answer.passed || this.stream.uploading) {
      // In the middle of an answer there is no place for an error.
      this.close();
      return;
    }
    this.replyError(outcomeUnknown(pool?.member.name ?? 'the server', reason));
    if (loss === 'state') this.client.channel.end();
    else this.#finish();
  }

  /** True when the command was answered with what was lost. */
  #tellLoss(buffer: Buffer, start: number, end: number): boolean {
    if (buffer[start + headerBytes] === command.quit) return false;
    const lost = this.#lost;
    this.#lost = undefined;
    if (lost === 'state') {
      this.client.channel.end(errPacket(stateLost(), 1));
      return true;
    }
    const text = buffer.toString('latin1', start + headerBytes + 1, Math.min(end, start + 64));
    if (/^\s*rollback\s*;?\s*$/i.test(text)) this.replyOk();
    else this.replyError(transactionLost());
    return true;
  }

  #stopWaiting(connection: ServerConnection): void {
    if (this.#waitsForClient === connection) this.#resumeServer();
  }

  #resumeServer(): void {
    const connection = this.#waitsForClient;
    this.#waitsForClient = undefined;
    connection?.channel.resume();
  }

  // ---- The end

  /** Tells the client a ProtocolError and ends; anything else ends without a word. */
  endAfter(failure: unknown, sequenceId: number): void {
    if (failure instanceof ProtocolError) this.closeWith(failure, sequenceId);
    else this.close();
  }

  closeWith(error: ErrPacket, sequenceId = 1): void {
    if (this.#closed) return;
    this.client.channel.end(packetOf(encodeErr(error), sequenceId));
    this.close();
  }

  /** The client is gone, or is sent away: a transaction is rolled back, connections go back or are closed. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.releaseConnections();
    this.client.channel.end();
    this.host.ended(this);
  }

  /** Gives up both connections and what the session had on them. */
  releaseConnections(): void {
    for (const slot of ['primary', 'replica'] as const satisfies readonly Slot[]) {
      const connection = this.connections.in(slot);
      if (connection === undefined) continue;
      this.#stopWaiting(connection);
      const stateful = this.inTransaction || !this.routes.mayLeave(slot);
      connection.stateOf = undefined;
      this.connections.release(connection, stateful);
    }
  }
}
