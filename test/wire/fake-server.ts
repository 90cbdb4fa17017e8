/** A server that lets everybody in and answers each command as a test says, byte for byte. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { capability, offeredCapabilities } from '#src/mysql-wire/capabilities.ts';
import { PacketAssembler, packetOf } from '#src/mysql-wire/framing.ts';
import { encodeGreeting } from '#src/mysql-wire/greeting.ts';
import { okPacket } from '#src/mysql-wire/ok-packet.ts';

/** What to write, piece by piece with the event loop turning in between; `end` closes the connection. */
export type Reply = readonly (Buffer | 'end')[];

export class FakeServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Commands seen, in order, without their headers. */
  readonly commands: Buffer[] = [];
  keepCommands = true;
  /** Asked for each command; an OK packet for what it doesn't know. */
  reply: (command: Buffer) => Reply | undefined = () => undefined;
  /** In place of the greeting. */
  greeting: Buffer | undefined;
  /** Before it lets somebody in. */
  loginDelayMs = 0;
  /** It greets, and answers nothing. */
  mute = false;
  /** In place of letting somebody in. */
  loginReply: ((socket: Socket) => void) | undefined;
  /** Answers a command by itself, over time; false where `reply` is to do it. */
  stream: (command: Buffer, socket: Socket) => boolean = () => false;

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<FakeServer> {
    const fake = new FakeServer();
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What it greets with, with more capabilities. */
  ownGreeting(capabilities = 0): Buffer {
    return greeting(capabilities);
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** What was written and no peer has taken yet. */
  get unsentBytes(): number {
    let sum = 0;
    for (const socket of this.#sockets) sum += socket.writableLength;
    return sum;
  }

  /** Reads nothing from anybody until `resume`. */
  pause(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  resume(): void {
    for (const socket of this.#sockets) socket.resume();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.write(this.greeting ?? greeting());
    const assembler = new PacketAssembler(128 * 1024 * 1024);
    assembler.expectedSequenceId = 1;
    let loggedIn = false;
    let answered = Promise.resolve();
    socket.on('data', (chunk) => {
      if (this.mute || (loggedIn && this.loginReply !== undefined)) return;
      assembler.push(chunk);
      for (let packet = assembler.next(); packet !== undefined; packet = assembler.next()) {
        assembler.expectedSequenceId = 0;
        if (!loggedIn) {
          loggedIn = true;
          this.#letIn(socket);
          if (this.loginReply !== undefined) return;
          continue;
        }
        if (this.keepCommands) this.commands.push(packet.payload);
        if (this.stream(packet.payload, socket)) continue;
        const reply = this.reply(packet.payload) ?? [okPacket({ status: 2 }, (packet.sequenceId + 1) & 0xff)];
        // One after the other, as a server does.
        answered = answered.then(() => this.#answer(socket, reply));
      }
    });
  }

  #letIn(socket: Socket): void {
    if (this.loginReply !== undefined) this.loginReply(socket);
    else setTimeout(() => socket.write(okPacket({ status: 2 }, 2)), this.loginDelayMs);
  }

  async #answer(socket: Socket, reply: Reply): Promise<void> {
    for (const piece of reply) {
      if (piece === 'end') socket.destroy();
      else socket.write(piece);
      if (reply.length > 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function greeting(more = 0): Buffer {
  const payload = encodeGreeting({
    serverVersion: '5.5.5-10.11.19-MariaDB',
    connectionId: 7,
    scramble: Buffer.alloc(20, 97),
    capabilities: ((offeredCapabilities | more) & ~capability.mysql) >>> 0,
    extendedCapabilities: 0,
    collation: 45,
    status: 2,
    authPlugin: 'mysql_native_password',
  });
  return packetOf(payload, 0);
}
