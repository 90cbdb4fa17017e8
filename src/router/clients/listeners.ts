/** The router's addresses for clients: a unix socket and TCP. Who takes the connections may change while they listen. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { RouterConfig } from '../config.ts';
import { SocketFile } from './socket-file.ts';

const backlog = 1_024;

/** `local`: it came over the unix socket. */
export type TakeClient = (socket: Socket, local: boolean) => void;

export class Listeners {
  readonly #servers: Server[] = [];
  #socketFile: SocketFile | undefined;
  #take: TakeClient;
  /** Of TCP, where there is one. */
  port: number | undefined;

  private constructor(take: TakeClient) {
    this.#take = take;
  }

  /** Listens where the configuration says; a predecessor at the same path is replaced. Rejects when an address can't be had. */
  static async open(
    { socketPath, host, port }: RouterConfig['listen'],
    take: TakeClient,
  ): Promise<Listeners> {
    const listeners = new Listeners(take);
    try {
      if (socketPath !== undefined) {
        const server = listeners.#newServer(true);
        // Any local user may try: the account's password decides.
        listeners.#socketFile = await SocketFile.listen(server, socketPath, 0o777, { backlog });
      }
      if (port !== undefined) listeners.port = await listeners.#listenTcp(host ?? '127.0.0.1', port);
    } catch (error) {
      listeners.close();
      throw error;
    }
    return listeners;
  }

  /**
   * From the next connection on they are `take`'s, without a byte of theirs read here: that is for another process to do.
   */
  handTo(take: TakeClient): void {
    this.#take = take;
    // Documented as an option alone; node:net looks at the property for each connection.
    for (const server of this.#servers) Object.assign(server, { pauseOnConnect: true });
  }

  /** Nobody new comes in. */
  close(): void {
    this.#socketFile?.remove();
    for (const server of this.#servers) server.close();
  }

  async #listenTcp(host: string, port: number): Promise<number | undefined> {
    const server = this.#newServer(false);
    server.listen({ host, port, backlog });
    await once(server, 'listening');
    const address = server.address();
    return address !== null && typeof address === 'object' ? address.port : undefined;
  }

  #newServer(local: boolean): Server {
    const server = createServer({ noDelay: true }, (socket) => this.#take(socket, local));
    this.#servers.push(server);
    return server;
  }
}
