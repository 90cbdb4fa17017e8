/**
 * `pass-through.ts PORT TARGET`: passes bytes between two loopback ports and looks at none of them, by the quickest means that
 * Node.js documents: one read buffer for each connection, no queue of its own. What a proxy in Node.js can't go below.
 */
import { connect, createServer, Socket, type SocketConstructorOpts } from 'node:net';

const [port = 0, target = 0] = process.argv.slice(2).map(Number);

function onread(pass: (bytes: Uint8Array) => void, size: number) {
  const callback = (count: number, bytes: Uint8Array): boolean => {
    pass(bytes.subarray(0, count));
    return true;
  };
  return { buffer: Buffer.allocUnsafeSlow(size), callback };
}

createServer({ noDelay: true, pauseOnConnect: true }, (accepted) => {
  const toClient = onread((bytes) => client.write(bytes), 64 * 1024);
  const server = connect({ port: target, host: '127.0.0.1', noDelay: true, onread: toClient });
  // As the router does (src/router/channel.ts): Node.js offers `onread` for sockets that it makes.
  const held = accepted as Socket & { _handle: object | null };
  const handle = held._handle;
  held._handle = null;
  const toServer = onread((bytes) => server.write(bytes), 4 * 1024);
  const client = new Socket({ handle, onread: toServer } as SocketConstructorOpts);
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.on('error', () => undefined);
    one.on('close', () => other.destroy());
  }
  server.once('connect', () => client.resume());
}).listen(port, '127.0.0.1');
