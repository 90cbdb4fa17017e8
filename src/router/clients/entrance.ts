/** Where clients come in: the limit of connections, login. A session begins where this ends. */
import type { Socket } from 'node:net';
import { encodeErr } from '#src/mysql-wire/err-packet.ts';
import { packetOf } from '#src/mysql-wire/framing.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import { Channel } from '../channel.ts';
import type { Dialogue } from '../dialogue.ts';
import { tooManyConnections } from '../errors.ts';
import { checkSchema, schemaErrors } from '../servers/schema-check.ts';
import type { SessionHost } from '../session/host.ts';
import type { Session, SessionClient } from '../session/session.ts';
import { type Doorkeeper, logInClient } from './login.ts';

export interface EntranceHost extends SessionHost {
  /** An id for a connection, unique in the stack. */
  nextId(): number;
  begin(client: SessionClient, schema: string | undefined): Session;
}

/** Instead of a greeting: before the client has named its capabilities an error has no SQLSTATE. */
export function refusal(): Buffer {
  return packetOf(encodeErr(tooManyConnections, false), 0);
}

export class Entrance {
  readonly #host: EntranceHost;
  readonly #door: Doorkeeper;
  readonly #channels = new Set<Channel>();
  /** A client's connection has ended. */
  onLeft: () => void = () => undefined;
  /** Connections that have begun to log in, and are not through. */
  loggingIn = 0;

  constructor(host: EntranceHost, door: Doorkeeper) {
    this.#host = host;
    this.#door = door;
  }

  /** Ends all connections, also those that have not logged in. */
  close(): void {
    for (const channel of this.#channels) channel.destroy();
  }

  /** Connections to clients, logged in or not. */
  get clients(): number {
    return this.#channels.size;
  }

  /** A connection that a client made; `local`: over a unix socket. */
  accept(socket: Socket, local: boolean): void {
    const channel = Channel.accepted(socket);
    if (this.#channels.size >= this.#host.config.maxClientConnections) {
      this.#host.observer.failed('too many connections');
      channel.onClosed = () => this.onLeft();
      channel.end(refusal());
      return;
    }
    this.#channels.add(channel);
    channel.onClosed = () => {
      this.#channels.delete(channel);
      this.onLeft();
    };
    const host = local ? 'localhost' : (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    this.loggingIn++;
    const door = local ? { ...this.#door, requireTls: false } : this.#door;
    void this.#logIn(channel, host, door).finally(() => this.loggingIn--);
  }

  async #logIn(channel: Channel, host: string, door: Doorkeeper): Promise<void> {
    const id = this.#host.nextId();
    let dialogue: Dialogue | undefined;
    try {
      const login = await logInClient(channel, id, host, door, (current) => {
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
      if (!channel.open) throw new Error('the client is gone');
      const sequenceId = login.dialogue.sequenceId;
      const rest = login.dialogue.finish();
      channel.reuseBuffer();
      const session = this.#host.begin(client, response.database);
      session.replyLoggedIn(sequenceId);
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
