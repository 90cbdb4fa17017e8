/** A relay that changes a little of what a server answers: whether the comparison sees that. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { headerBytes, payloadLengthAt } from '#src/mysql-wire/framing.ts';

/** Changes the payload in place. */
type Change = (payload: Buffer) => void;

const flip = (payload: Buffer, at: number): void => {
  payload[at] = (payload[at] as number) ^ 1;
};
const isOk = (payload: Buffer): boolean =>
  payload[0] === 0 && payload.length >= 7 && (payload[1] ?? 255) < 0xfb && (payload[2] ?? 255) < 0xfb;
const isDefinition = (payload: Buffer): boolean => payload.toString('latin1', 0, 4) === '\x03def';

export const changes: Readonly<Record<string, Change>> = {
  'an insert id': (payload) => {
    if (isOk(payload) && payload[2] !== 0) flip(payload, 2);
  },
  'affected rows': (payload) => {
    if (isOk(payload) && payload[1] !== 0) flip(payload, 1);
  },
  'no warnings': (payload) => {
    if (isOk(payload)) payload.fill(0, 5, 7);
  },
  "a column's flag": (payload) => {
    if (isDefinition(payload)) flip(payload, payload.length - 5);
  },
  "a column's length": (payload) => {
    if (isDefinition(payload)) flip(payload, payload.length - 10);
  },
  'a character set': (payload) => {
    if (isDefinition(payload)) flip(payload, payload.length - 12);
  },
  'an error number': (payload) => {
    if (payload[0] === 0xff) flip(payload, 1);
  },
  'an SQLSTATE': (payload) => {
    if (payload[0] === 0xff) flip(payload, 8);
  },
  'a message': (payload) => {
    if (payload[0] === 0xff) flip(payload, payload.length - 1);
  },
  'a variable that is told': (payload) => {
    const told = isOk(payload) && payload.length > 9 && ((payload[4] as number) & 0x40) !== 0;
    if (told) flip(payload, payload.length - 1);
  },
  'a value': (payload) => {
    const plain = (payload[0] ?? 0) > 0 && (payload[0] ?? 0) < 0xfb && payload.length > 1;
    if (plain && !isDefinition(payload)) flip(payload, payload.length - 1);
  },
};

export class Tampering implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number, change: Change) {
    this.#server = createServer((client) => {
      const server = connect(port, '127.0.0.1');
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
      }
      client.on('data', (chunk) => server.write(chunk));
      client.once('close', () => server.destroy());
      server.once('close', () => client.end());
      let rest: Buffer = Buffer.alloc(0);
      let loggedIn = false;
      server.on('data', (chunk) => {
        rest = Buffer.concat([rest, chunk]);
        while (rest.length >= headerBytes && rest.length >= headerBytes + payloadLengthAt(rest, 0)) {
          const end = headerBytes + payloadLengthAt(rest, 0);
          // The greeting, and whatever the login needs, stay as they are.
          if (loggedIn) change(rest.subarray(headerBytes, end));
          else loggedIn = rest[3] !== 0 && rest[headerBytes] === 0;
          client.write(Buffer.from(rest.subarray(0, end)));
          rest = rest.subarray(end);
        }
      });
    });
  }

  static async before(port: number, change: Change): Promise<{ relay: Tampering; port: number }> {
    const relay = new Tampering(port, change);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    const address = relay.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return { relay, port: address.port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
