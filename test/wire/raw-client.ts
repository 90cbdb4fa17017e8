/** A client of bytes: sends what it is told, in the pieces it is told, and keeps what comes. */
import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { nativeAnswer } from '#src/mysql-wire/auth-native.ts';
import { capability, offeredCapabilities } from '#src/mysql-wire/capabilities.ts';
import { headerBytes, PacketAssembler, packetOf } from '#src/mysql-wire/framing.ts';
import { parseGreeting } from '#src/mysql-wire/greeting.ts';
import { encodeHandshakeResponse } from '#src/mysql-wire/handshake-response.ts';
import { digests } from '#src/router/digests.ts';
import { account } from '../real/router/stack.ts';

/** Path of a unix socket, or an address. */
type Target = string | NetConnectOpts;

export class RawClient {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    socket.once('close', () => {
      this.closed = true;
    });
  }

  static async open(target: Target): Promise<RawClient> {
    const socket = connect(typeof target === 'string' ? { path: target } : target);
    const client = new RawClient(socket);
    await once(socket, 'connect');
    return client;
  }

  /** The login packet that answers the greeting received. */
  login(without = 0, database?: string): Buffer {
    const greeting = parseGreeting(this.received.subarray(headerBytes));
    const response = encodeHandshakeResponse({
      capabilities:
        (offeredCapabilities &
          ~(capability.mysql | capability.noSchema | capability.ignoreSpace | capability.interactive) &
          ~(database === undefined ? capability.connectWithDatabase : 0) &
          ~without) >>>
        0,
      extendedCapabilities: 0,
      maxPacketBytes: 1 << 24,
      collation: 45,
      user: account.user,
      authResponse: nativeAnswer(digests, account.password, greeting.scramble),
      authPlugin: 'mysql_native_password',
      database,
      attributes: new Map([['program_name', 'wire']]),
    });
    return packetOf(response, 1);
  }

  /** Waits for that many bytes, or the end. */
  async until(bytes: number, timeoutMs = 10_000): Promise<Buffer> {
    const deadline = performance.now() + timeoutMs;
    while (this.received.length < bytes && !this.closed && performance.now() < deadline) await sleep(1);
    return this.received;
  }

  /** Logged in, with the greeting and OK taken out of `received`. */
  static async loggedIn(target: Target, without = 0): Promise<RawClient> {
    const client = await RawClient.open(target);
    await client.until(60);
    client.socket.write(client.login(without));
    const greetingBytes = headerBytes + client.received.readUIntLE(0, 3);
    await client.until(greetingBytes + 11);
    const answer = client.received.subarray(greetingBytes);
    if (answer[headerBytes] !== 0) throw new Error(`login failed: ${answer.toString('latin1')}`);
    client.received = Buffer.alloc(0);
    return client;
  }

  /** Payloads received so far. */
  payloads(): Buffer[] {
    const assembler = new PacketAssembler(1 << 25);
    assembler.expectedSequenceId = this.received[3] ?? 0;
    assembler.push(this.received);
    const all: Buffer[] = [];
    for (let packet = assembler.next(); packet !== undefined; packet = assembler.next())
      all.push(packet.payload);
    return all;
  }
}
