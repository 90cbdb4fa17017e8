/** A TCP forwarder on loopback that hands on every byte a fixed time after it came, in both directions. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface DelayedForwarder extends AsyncDisposable {
  readonly port: number;
}

/** Forwards a free loopback port to `target`, a port on loopback too; each way takes `delayMs` longer. */
export async function delayedForwardTo(target: number, delayMs: number): Promise<DelayedForwarder> {
  const sockets = new Set<Socket>();
  const pipe = (from: Socket, to: Socket): void => {
    sockets.add(from);
    // Timers of one length fire in the order in which they were set: bytes stay in order.
    from.on('data', (chunk) => setTimeout(() => to.write(chunk), delayMs));
    from.on('error', () => {}); // The close that follows is what counts.
    from.on('close', () => {
      sockets.delete(from);
      setTimeout(() => to.destroy(), delayMs);
    });
  };
  const listener = createServer((client) => {
    const server = connect(target, '127.0.0.1');
    pipe(client, server);
    pipe(server, client);
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no loopback port');
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
}
