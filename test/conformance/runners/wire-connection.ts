/**
 * A connection of packets: a command goes out, every packet of its answer is kept as it came, headers and sequence ids
 * included. It finds the end of an answer by itself: with the router's own code for that, both would err together.
 */
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { nativeAnswer } from '#src/mysql-wire/auth-native.ts';
import { capability } from '#src/mysql-wire/capabilities.ts';
import { encodeChangeUser } from '#src/mysql-wire/change-user.ts';
import { commandPacket, headerBytes, maxPayloadBytes, packetOf } from '#src/mysql-wire/framing.ts';
import { type Greeting, parseGreeting } from '#src/mysql-wire/greeting.ts';
import { encodeHandshakeResponse } from '#src/mysql-wire/handshake-response.ts';
import { digests } from '#src/router/digests.ts';
import type { Account } from './protocol.ts';
import { statusAt } from './wire-ok.ts';

export interface WireOptions {
  readonly capabilities: number;
  readonly extendedCapabilities: number;
}

export type Shape = 'result' | 'cursor' | 'prepare' | 'rows' | 'fields' | 'text';

const status = { more: 0x08, cursor: 0x40 };

export class WireConnection {
  readonly #socket: Socket;
  readonly #options: WireOptions;
  #buffer: Buffer = Buffer.alloc(0);
  /** Received behind `#buffer`; put together when somebody reads, for a large answer comes in many pieces. */
  #chunks: Buffer[] = [];
  #received = 0;
  #wake: (() => void) | undefined;
  #closed = false;
  greeting!: Greeting;
  /** What was received since the last command. */
  packets: Buffer[] = [];
  /** Those of them that are OK packets, or end rows as such. */
  readonly oks = new WeakSet<Buffer>();

  private constructor(socket: Socket, options: WireOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.#received += chunk.length;
      this.#wake?.();
    });
    socket.once('close', () => {
      this.#closed = true;
      this.#wake?.();
    });
  }

  static async open(
    where: NetConnectOpts,
    account: Account,
    options: WireOptions,
    database?: string,
  ): Promise<WireConnection> {
    const connection = new WireConnection(connect(where), options);
    connection.greeting = parseGreeting((await connection.#next()).subarray(headerBytes));
    const withDatabase = database === undefined ? 0 : capability.connectWithDatabase;
    const response = encodeHandshakeResponse({
      ...options,
      capabilities: options.capabilities | withDatabase,
      maxPacketBytes: 1 << 30,
      collation: 45,
      user: account.user,
      authResponse: nativeAnswer(digests, account.password, connection.greeting.scramble),
      authPlugin: 'mysql_native_password',
      database,
      attributes: new Map([['program_name', 'conformance']]),
    });
    connection.#socket.write(packetOf(response, 1));
    connection.#noteOk(await connection.#next());
    return connection;
  }

  /** A packet that is an OK packet if it begins like one. */
  #noteOk(packet: Buffer): void {
    if (packet[headerBytes] === 0) this.oks.add(packet);
  }

  async command(code: number, argument: Buffer, shape: Shape, file?: Buffer): Promise<readonly Buffer[]> {
    if (this.#buffer.length + this.#received > 0)
      throw new Error(`bytes that no command asked for: ${this.#buffer.toString('hex', 0, 100)}`);
    this.packets = [];
    this.send(code, argument);
    try {
      await this.#follow(shape, file);
    } catch (error) {
      this.packets.push(Buffer.from((error as Error).message));
    }
    return this.packets;
  }

  /** Without an answer. */
  send(code: number, argument: Buffer): void {
    this.#socket.write(commandPacket(code, argument));
  }

  async changeUser(account: Account, database: string): Promise<readonly Buffer[]> {
    this.packets = [];
    const { capabilities } = this.#options;
    const { scramble } = this.greeting;
    const payload = encodeChangeUser(
      {
        user: account.user,
        authResponse: nativeAnswer(digests, account.password, scramble),
        database,
        collation: 45,
        authPlugin: 'mysql_native_password',
      },
      capabilities,
    );
    this.#socket.write(packetOf(payload, 0));
    try {
      const answer = await this.#next();
      if (answer[headerBytes] === 0xfe) {
        // The server asks again, with a scramble of its own; how often is its business.
        const fresh = answer.subarray(headerBytes + 'mysql_native_password'.length + 2, -1);
        this.packets = [];
        this.#socket.write(
          packetOf(nativeAnswer(digests, account.password, fresh), (answer[3] as number) + 1),
        );
        await this.#next();
      }
      this.#noteOk(this.packets.at(-1) as Buffer);
    } catch (error) {
      this.packets.push(Buffer.from((error as Error).message));
    }
    return this.packets;
  }

  async close(): Promise<void> {
    if (!this.#closed) this.#socket.end(commandPacket(1));
  }

  /** The next packet, kept, header included. */
  async #next(): Promise<Buffer> {
    await this.#bytes(headerBytes);
    const length = this.#buffer.readUIntLE(0, 3);
    await this.#bytes(headerBytes + length);
    const packet = this.#buffer.subarray(0, headerBytes + length);
    this.#buffer = this.#buffer.subarray(headerBytes + length);
    this.packets.push(packet);
    return packet;
  }

  async #bytes(count: number): Promise<void> {
    while (this.#buffer.length + this.#received < count) {
      if (this.#closed) throw new Error('closed');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#buffer.length >= count) return;
    this.#buffer = Buffer.concat([this.#buffer, ...this.#chunks]);
    this.#chunks = [];
    this.#received = 0;
  }

  get #deprecateEof(): boolean {
    return (this.#options.capabilities & capability.deprecateEof) !== 0;
  }

  async #follow(shape: Shape, file: Buffer | undefined): Promise<void> {
    switch (shape) {
      case 'text':
        await this.#next();
        return;
      case 'rows':
        await this.#rows();
        return;
      case 'fields':
        for (;;) {
          const packet = await this.#next();
          const first = packet[headerBytes];
          if (first === 0xff || (first === 0xfe && packet.length < headerBytes + 9)) return;
        }
      case 'prepare':
        await this.#prepare();
        return;
      case 'result':
      case 'cursor':
        while (await this.#result(file, shape === 'cursor'));
    }
  }

  async #prepare(): Promise<void> {
    const first = await this.#next();
    if (first[headerBytes] !== 0) return;
    for (const at of [9, 11]) {
      const count = first.readUInt16LE(at);
      if (count > 0)
        for (let left = count + (this.#deprecateEof ? 0 : 1); left > 0; left--) await this.#next();
    }
  }

  /** One result; whether another one follows. */
  async #result(file: Buffer | undefined, cursor: boolean): Promise<boolean> {
    const packet = await this.#next();
    const payload = packet.subarray(headerBytes);
    if (payload[0] === 0xff) return payload.readUInt16LE(1) === 0xffff;
    if (payload[0] === 0) {
      this.oks.add(packet);
      return (okStatus(payload) & status.more) !== 0;
    }
    if (payload[0] === 0xfb) {
      const sequence = packet[3] as number;
      const end = Buffer.from([
        0,
        0,
        0,
        (sequence + (file === undefined || file.length === 0 ? 1 : 2)) & 0xff,
      ]);
      if (file !== undefined && file.length > 0) this.#socket.write(packetOf(file, sequence + 1));
      this.#socket.write(end);
      return this.#result(undefined, cursor);
    }
    if (payload[0] === 0xfe && payload.length < 9) return false;
    const columns = payload[0] === 0xfc ? payload.readUInt16LE(1) : (payload[0] ?? 0);
    for (let column = 0; column < columns; column++) await this.#next();
    if (!this.#deprecateEof) {
      const end = await this.#next();
      // An error can come in its place: opening a cursor begins to run the statement.
      if (end[headerBytes] === 0xff) return false;
      // Stored programs have cursors of their own; the flag tells of those as well.
      const flags = end.readUInt16LE(headerBytes + 3);
      if (cursor && (flags & status.cursor) !== 0 && (flags & status.more) === 0) return false;
    }
    return this.#rows();
  }

  async #rows(): Promise<boolean> {
    for (;;) {
      let packet = await this.#next();
      const payload = packet.subarray(headerBytes);
      if (payload[0] === 0xff) return false;
      if (payload[0] === 0xfe && payload.length < (this.#deprecateEof ? maxPayloadBytes : 9)) {
        if (!this.#deprecateEof) return (payload.readUInt16LE(3) & status.more) !== 0;
        this.oks.add(packet);
        return (okStatus(payload) & status.more) !== 0;
      }
      while (packet.length === headerBytes + maxPayloadBytes) packet = await this.#next();
    }
  }
}

function okStatus(payload: Buffer): number {
  return payload.readUInt16LE(statusAt(payload));
}
