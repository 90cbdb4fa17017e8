/** Where clients come in: listening, the limit of connections, login. A session begins where this ends. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { encodeErr } from '#src/mysql-wire/err-packet.ts';
import { packetOf } from '#src/mysql-wire/framing.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import { Channel } from './channel.ts';
import { type Doorkeeper, logInClient } from './client-login.ts';
import type { Dialogue } from './dialogue.ts';
import { tooManyConnections } from './errors.ts';
import { checkSchema, schemaErrors } from './schema-check.ts';
import type { Session, SessionClient } from './session.ts';
import type { SessionHost } from './session-host.ts';
import { SocketFile } from './socket-file.ts';

export interface EntranceHost extends SessionHost {
  /** An id for a connection, unique in the stack. */
  nextId(): number;
  begin(client: SessionClient, schema: string | undefined): Session;
}

const backlog = 1_024;

export class Entrance {
  readonly #host: EntranceHost;
  readonly #door: Doorkeeper;
  readonly #servers: Server[] = [];
  readonly #channels = new Set<Channel>();
  #socketFile: SocketFile | undefined;
  closed = false;

  constructor(host: EntranceHost, door: Doorkeeper) {
    this.#host = host;
    this.#door = door;
  }

  /** Listens where the configuration says. Rejects when an address can't be had. */
  async open(): Promise<{ readonly port: number | undefined }> {
    const { socketPath, host, port } = this.#host.config.listen;
    if (socketPath !== undefined) {
      const server = this.#newServer(true);
      // Any local user may try: the account's password decides.
      this.#socketFile = await SocketFile.listen(server, socketPath, 0o777, { backlog });
    }
    if (port === undefined) return { port: undefined };
    const server = this.#newServer(false);
    server.listen({ host: host ?? '127.0.0.1', port, backlog });
    await once(server, 'listening');
    const address = server.address();
    return { port: address !== null && typeof address === 'object' ? address.port : undefined };
  }

  /** Nobody new comes in; a successor may listen at the same path. */
  stopListening(): void {
    if (this.closed) return;
    this.closed = true;
    this.#socketFile?.remove();
    for (const server of this.#servers) server.close();
  }

  /** Ends all connections, also those that have not logged in. */
  close(): void {
    for (const channel of this.#channels) channel.destroy();
  }

  /** Connections to clients, logged in or not. */
  get clients(): number {
    return this.#channels.size;
  }

  #newServer(local: boolean): Server {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket, local));
    this.#servers.push(server);
    return server;
  }

  #accept(socket: Socket, local: boolean): void {
    const channel = Channel.accepted(socket);
    if (this.#channels.size >= this.#host.config.maxClientConnections) {
      this.#host.observer.failed('too many connections');
      // Before the client has named its capabilities an error has no SQLSTATE.
      channel.end(packetOf(encodeErr(tooManyConnections, false), 0));
      return;
    }
    this.#channels.add(channel);
    channel.onClosed = () => this.#channels.delete(channel);
    const host = local ? 'localhost' : (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    void this.#logIn(channel, host);
  }

  async #logIn(channel: Channel, host: string): Promise<void> {
    const id = this.#host.nextId();
    let dialogue: Dialogue | undefined;
    try {
      const login = await logInClient(channel, id, host, this.#door, (current) => {
        dialogue = current;
      });
      const { response, account, scramble } = login;
      const client: SessionClient = {
        id,
        channel,
        account,
        host,
        scramble,
        capabilities: response.capabilities,
        extendedCapabilities: response.extendedCapabilities,
        collation: response.collation,
      };
      await checkSchema(this.#host, client, response.database);
      const sequenceId = login.dialogue.sequenceId;
      const rest = login.dialogue.finish();
      channel.reuseBuffer();
      const session = this.#host.begin(client, response.database);
      session.replyOkAt(sequenceId);
      if (rest.length > 0) session.stream.take(rest);
    } catch (error) {
      const sequenceId = dialogue?.sequenceId ?? 1;
      dialogue?.finish();
      if (error instanceof ProtocolError) {
        this.#host.observer.failed(schemaErrors.has(error.errno) ? 'access denied' : 'protocol');
        channel.end(packetOf(encodeErr(error), sequenceId));
      } else channel.destroy();
    }
  }
}
