/** A TCP forwarder on loopback that can lose what flows, or its clients: partitions, as the server sees them. */

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Forwarder extends AsyncDisposable {
  readonly port: number;
  /** From now on what the client sends is lost, what the server sends arrives. */
  swallowFromClient(): void;
  /** The clients of the open connections are gone and let in no more; the server isn't told: its ends stay open. */
  strand(): void;
  /** Clients are let in again. */
  admit(): void;
  /** Ends the open connections; new ones pass everything again. */
  cut(): void;
  /** All that the server has sent so far, byte for character. */
  fromServer(): string;
}

/** Forwards a free loopback port to `target`, a port on loopback too. */
export async function forwardTo(target: number): Promise<Forwarder> {
  const sockets = new Set<Socket>();
  let swallow = false;
  let stranded = false;
  let fromServer = '';
  const clients = new Set<Socket>();
  const listener = createServer((client) => {
    if (stranded) {
      client.destroy();
      return;
    }
    clients.add(client);
    const server = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => {
        if (from === server) fromServer += chunk.toString('latin1');
        if (from === server || !swallow) to.write(chunk);
      });
      from.on('error', () => {}); // The close that follows is what counts.
      from.on('close', () => {
        sockets.delete(from);
        clients.delete(from);
        if (from === server || !stranded) to.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no loopback port');
  const cut = () => {
    swallow = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: address.port,
    swallowFromClient: () => {
      swallow = true;
    },
    strand: () => {
      stranded = true;
      for (const client of clients) client.destroy();
    },
    admit: () => {
      stranded = false;
    },
    cut,
    fromServer: () => fromServer,
    [Symbol.asyncDispose]: async () => {
      cut();
      listener.close();
      await once(listener, 'close');
    },
  };
}
