/**
 * One client's session, from its login on: finds each command a server connection and passes the answer back. It never
 * sends again what was sent, but for a simple statement that a read-only server refused.
 */
import { capability } from '#src/mysql-wire/capabilities.ts';
import { responseShape } from '#src/mysql-wire/commands.ts';
import { type ErrPacket, encodeErr, errPacket } from '#src/mysql-wire/err-packet.ts';
import { packetOf } from '#src/mysql-wire/framing.ts';
import { okPacket } from '#src/mysql-wire/ok-packet.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import type { ScanEvent } from '#src/mysql-wire/response-scanner.ts';
import { serverStatus } from '#src/mysql-wire/status.ts';
import type { Channel } from '../channel.ts';
import type { RouterAccount } from '../config.ts';
import type { ConnectionOwner, ServerConnection } from '../servers/connection.ts';
import { packetTooLarge } from '../servers/packet-limit.ts';
import { Answer } from './answer.ts';
import { endAnswer, takePacket } from './answering.ts';
import { Backpressure } from './backpressure.ts';
import { ClientStream, type CommandHandler, type UploadKind } from './client-stream.ts';
import { handleCommand, handleLargeCommand } from './commands.ts';
import { SessionConnections } from './connections.ts';
import { isStateless, mayDetach } from './detaching.ts';
import type { SessionHost } from './host.ts';
import { loseConnection, tellLoss } from './losses.ts';
import { PreparedStatements } from './prepared.ts';
import type { SessionRoutes, Slot } from './routes.ts';
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

export class Session implements CommandHandler, ConnectionOwner {
  readonly host: SessionHost;
  client: SessionClient;
  readonly stream: ClientStream;
  routes: SessionRoutes;
  connections: SessionConnections;
  readonly prepared: PreparedStatements;
  lastPreparedId = 0;
  /** What COM_SET_OPTION asks for. */
  option = 0;
  /** COM_CHANGE_USER with a wrong password. */
  failedChanges = 0;
  /** Status flags of the last answer, or of a new connection. */
  status: number = serverStatus.autocommit;
  readonly work = new Work();
  /** What the answer under way says. */
  readonly answer = new Answer();
  readonly backpressure = new Backpressure();
  readonly sessionTrack: boolean;
  closed = false;
  /** The primary connection has what nothing resets: the session stays on it. */
  pinned = false;
  /** What was lost, and the next command is told; `rest`: a transaction, and its client has had an error for it. */
  lost: 'transaction' | 'rest' | 'state' | undefined;
  /** The router wants to end: the session closes after the next answer that leaves it without state. */
  leaving = false;

  constructor(host: SessionHost, client: SessionClient, schema: string | undefined) {
    this.host = host;
    this.client = client;
    this.prepared = new PreparedStatements(host.preparedBudget);
    this.sessionTrack = (client.capabilities & capability.sessionTrack) !== 0;
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
    channel.onDrain = () => {
      this.backpressure.resume();
      this.stream.onClientDrain();
    };
  }

  /** COM_CHANGE_USER succeeded. */
  becomeClient(client: SessionClient, schema: string | undefined): void {
    this.startOver(client);
    this.routes = this.host.newRoutes(client, schema);
  }

  /** Gives its connections back, also one that nothing resets: those that come are as if that client had just logged in. */
  startOver(client: SessionClient): void {
    this.releaseConnections();
    this.pinned = false;
    this.client = client;
    this.connections = new SessionConnections(this, this.host, this.host.loginKey(client));
  }

  /** The primary connection has what can't be had on another one, nor be reset. */
  pinPrimary(): void {
    this.pinned = true;
    const connection = this.connections.in('primary');
    if (connection !== undefined) connection.unusable = true;
  }

  get inTransaction(): boolean {
    return (this.status & serverStatus.inTransaction) !== 0;
  }

  // ---- Commands of the client

  onCommand(buffer: Buffer, start: number, end: number): void {
    try {
      if (this.lost !== undefined && tellLoss(this, buffer, start, end, this.stream.bytesBehind)) return;
      handleCommand(this, buffer, start, end);
    } catch (error) {
      this.onProtocolError(error);
    }
  }

  onLargeCommand(beginning: Buffer): void {
    try {
      // The rest of it is not worth waiting for.
      if (this.lost !== undefined && tellLoss(this, beginning, 0, beginning.length, 0)) this.close();
      else handleLargeCommand(this, beginning);
    } catch (error) {
      this.onProtocolError(error);
    }
  }

  /** Tells the client and ends the session; what is no protocol error is a bug, and ends the process. */
  onProtocolError(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.host.observer.failed('protocol');
    this.closeWith(error);
  }

  onUploadEnd(kind: UploadKind, sequenceId: number): void {
    const { connection } = this.work;
    if (kind === 'command') {
      this.work.lastSequenceId = sequenceId;
      connection?.commandSent(sequenceId);
    }
    if (kind === 'file') connection?.scanner.resumeAfterLocalFile(sequenceId);
    else if (this.work.shape === responseShape.none || connection === undefined) this.finish();
  }

  onUploadTooLong(sequenceId: number): void {
    this.host.observer.failed('protocol');
    this.closeWith(packetTooLarge(), (sequenceId + 1) & 0xff);
  }

  /** Answers a command without a server. A client that doesn't read gets no further (`ClientStream`). */
  reply(packet: Buffer): void {
    this.client.channel.write(packet);
  }

  replyOk(): void {
    this.reply(okPacket({ status: this.status }, 1));
  }

  /** The OK of a login or a COM_CHANGE_USER, which may have named a schema. */
  replyLoggedIn(sequenceId: number): void {
    const { schema } = this.routes;
    const told = this.sessionTrack && schema !== undefined ? { schema } : {};
    this.reply(okPacket({ status: this.status, ...told }, sequenceId));
  }

  replyError(error: ErrPacket): void {
    this.reply(errPacket(error, (this.work.lastSequenceId + 1) & 0xff));
  }

  onAnswerBytes(connection: ServerConnection, bytes: Buffer): boolean {
    this.answer.pass(bytes.length);
    return this.backpressure.pass(this.client.channel, connection, bytes);
  }

  onAnswerPacket(connection: ServerConnection, event: ScanEvent, buffer: Buffer): Buffer | undefined {
    return takePacket(this, connection, event, buffer);
  }

  onAnswerEnd(connection: ServerConnection): void {
    endAnswer(this, connection);
  }

  /** The command is answered: the next one may begin. */
  finish(): void {
    this.work.end();
    if (this.closed) return;
    if (this.leaving && this.stateless) this.close();
    else this.stream.ready();
  }

  // ---- Connections come and go

  /** Nothing is under way, and nothing has come that isn't answered. */
  get idle(): boolean {
    return this.stream.idle && !this.work.active;
  }

  /** A client that is sent away now loses nothing that it can't set up again. */
  get stateless(): boolean {
    return isStateless(this);
  }

  mayDetach(connection: ServerConnection): boolean {
    return mayDetach(this, connection);
  }

  hasPrepared(id: number): boolean {
    return this.prepared.get(id) !== undefined;
  }

  detach(connection: ServerConnection): void {
    this.backpressure.release(connection);
    this.connections.release(connection, false);
  }

  onReceiverDrain(): void {
    this.stream.onReceiverDrain();
    if (this.work.flushing) this.finish();
  }

  onConnectionLost(connection: ServerConnection, reason: string, inFlight: boolean): void {
    loseConnection(this, connection, reason, inFlight);
  }

  // ---- The end

  /** Tells the client a ProtocolError and ends; anything else ends without a word. */
  endAfter(failure: unknown, sequenceId: number): void {
    if (failure instanceof ProtocolError) this.closeWith(failure, sequenceId);
    else this.close();
  }

  closeWith(error: ErrPacket, sequenceId = 1): void {
    if (this.closed) return;
    this.client.channel.end(packetOf(encodeErr(error), sequenceId));
    this.close();
  }

  /** The client is gone, or is sent away: a transaction is rolled back, connections go back or are closed. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.stream.close();
    this.releaseConnections();
    this.prepared.clear();
    this.client.channel.end();
    this.host.ended(this);
  }

  /** Gives up both connections and what the session had on them. */
  releaseConnections(): void {
    for (const slot of ['primary', 'replica'] as const satisfies readonly Slot[]) {
      const connection = this.connections.in(slot);
      if (connection === undefined) continue;
      this.backpressure.release(connection);
      const stateful = this.inTransaction || !this.routes.mayLeave(slot);
      connection.stateOf = undefined;
      this.connections.release(connection, stateful);
    }
  }
}
