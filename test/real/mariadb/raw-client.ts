/**
 * A minimal client that shows what the packets hold: which status flags and which tracked changes come with each
 * part of a response. Source: MariaDB's "Connection" and "Result set packets" pages. Logs in as root over the socket.
 */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** SERVER_SESSION_STATE_CHANGED in an OK or EOF packet's status. */
export const STATE_CHANGED = 0x4000;
const MORE_RESULTS = 0x0008;

const SESSION_TRACK = 1 << 23;
const DEPRECATE_EOF = 1 << 24;
/** LONG_PASSWORD, LOCAL_FILES, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, MULTI_*, PS_MULTI_*, PLUGIN_AUTH. */
const CAPABILITIES = 1 | (1 << 7) | (1 << 9) | (1 << 13) | (1 << 15) | (7 << 16) | (1 << 19);

/** One part of a response: an OK, a result set's end, or an error. */
export interface Part {
  readonly kind: 'ok' | 'result set' | 'error';
  /** Status flags; 0 with an error. */
  readonly status: number;
  /** Tracked system variables, by name. */
  readonly variables: Readonly<Record<string, string>>;
  /** Whether the packet says that other session state changed (session_track_state_change). */
  readonly otherState: boolean;
  /** Error number; 0 without an error. */
  readonly errno: number;
}

export interface RawClientOptions {
  /** Negotiate CLIENT_SESSION_TRACK; on unless said otherwise. */
  readonly sessionTrack?: boolean;
  /** Negotiate CLIENT_DEPRECATE_EOF; off unless said otherwise. */
  readonly deprecateEof?: boolean;
}

export class RawClient {
  readonly #socket: Socket;
  readonly #packets: AsyncIterator<Buffer>;
  readonly #deprecateEof: boolean;
  readonly #sessionTrack: boolean;

  private constructor(socket: Socket, options: RawClientOptions) {
    this.#socket = socket;
    this.#packets = packets(socket);
    this.#deprecateEof = options.deprecateEof ?? false;
    this.#sessionTrack = options.sessionTrack ?? true;
  }

  static async connect(socketPath: string, options: RawClientOptions = {}): Promise<RawClient> {
    const socket = connect(socketPath);
    await once(socket, 'connect');
    const client = new RawClient(socket, options);
    await client.#next(); // The greeting; an account without password needs nothing of it.
    const flags =
      CAPABILITIES | (client.#sessionTrack ? SESSION_TRACK : 0) | (client.#deprecateEof ? DEPRECATE_EOF : 0);
    const head = Buffer.alloc(32);
    head.writeUInt32LE(flags >>> 0, 0);
    head.writeUInt32LE(1 << 24, 4);
    head[8] = 45; // utf8mb4
    client.#send(1, Buffer.concat([head, Buffer.from('root\0\0mysql_native_password\0')]));
    const answer = await client.#next();
    if (answer[0] !== 0) throw new Error(`login failed: ${answer.subarray(9).toString()}`);
    return client;
  }

  /** COM_QUERY; `localFile` is what a LOAD DATA LOCAL gets. */
  query(sql: string, localFile = ''): Promise<Part[]> {
    return this.#command(Buffer.concat([Buffer.from([0x03]), Buffer.from(sql)]), localFile);
  }

  /** COM_STMT_PREPARE and COM_STMT_EXECUTE of a statement without parameters and without a result set. */
  async execute(sql: string): Promise<Part[]> {
    this.#send(0, Buffer.concat([Buffer.from([0x16]), Buffer.from(sql)]));
    const prepared = await this.#next();
    if (prepared[0] !== 0) throw new Error(`prepare failed: ${prepared.subarray(9).toString()}`);
    const execute = Buffer.alloc(10);
    execute[0] = 0x17;
    prepared.copy(execute, 1, 1, 5);
    execute.writeUInt32LE(1, 6);
    return this.#command(execute);
  }

  /** COM_RESET_CONNECTION. */
  reset(): Promise<Part[]> {
    return this.#command(Buffer.from([0x1f]));
  }

  close(): void {
    this.#socket.destroy();
  }

  async #command(payload: Buffer, localFile = ''): Promise<Part[]> {
    this.#send(0, payload);
    const parts: Part[] = [];
    for (;;) {
      const part = await this.#part(localFile);
      parts.push(part);
      if ((part.status & MORE_RESULTS) === 0) return parts;
    }
  }

  async #part(localFile: string): Promise<Part> {
    let packet = await this.#next();
    if (packet[0] === 0xfb) {
      this.#send(2, Buffer.from(localFile));
      this.#send(3, Buffer.alloc(0));
      packet = await this.#next();
    }
    if (packet[0] === 0x00) return this.#okPart('ok', packet);
    if (packet[0] === 0xff) return errorPart(packet);
    const columns = packet[0] ?? 0;
    for (let column = 0; column < columns; column++) await this.#next();
    if (!this.#deprecateEof) await this.#next();
    for (;;) {
      const row = await this.#next();
      if (row[0] === 0xff) return errorPart(row);
      if (row[0] !== 0xfe) continue;
      if (this.#deprecateEof) return this.#okPart('result set', row);
      return { kind: 'result set', status: row.readUInt16LE(3), variables: {}, otherState: false, errno: 0 };
    }
  }

  #okPart(kind: 'ok' | 'result set', packet: Buffer): Part {
    const reader = new Reader(packet, 1);
    reader.number();
    reader.number();
    const status = packet.readUInt16LE(reader.offset);
    reader.offset += 4;
    const variables: Record<string, string> = {};
    let otherState = false;
    if (this.#sessionTrack && (status & STATE_CHANGED) !== 0) {
      reader.text(); // the message
      const changes = new Reader(reader.bytes(), 0);
      while (changes.more) {
        const type = changes.number();
        const change = new Reader(changes.bytes(), 0);
        if (type === 0) while (change.more) variables[change.text()] = change.text();
        if (type === 2) otherState = change.rest() === '1';
      }
    }
    return { kind, status, variables, otherState, errno: 0 };
  }

  async #next(): Promise<Buffer> {
    const { value, done } = await this.#packets.next();
    if (done === true || value === undefined) throw new Error('the server closed the connection');
    return value;
  }

  #send(sequence: number, payload: Buffer): void {
    const head = Buffer.alloc(4);
    head.writeUIntLE(payload.length, 0, 3);
    head[3] = sequence;
    this.#socket.write(Buffer.concat([head, payload]));
  }
}

function errorPart(packet: Buffer): Part {
  return { kind: 'error', status: 0, variables: {}, otherState: false, errno: packet.readUInt16LE(1) };
}

/** The payloads of a connection, one by one. */
async function* packets(socket: Socket): AsyncGenerator<Buffer, undefined> {
  let rest = Buffer.alloc(0);
  for await (const chunk of socket) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUIntLE(0, 3)) {
      const end = 4 + rest.readUIntLE(0, 3);
      yield rest.subarray(4, end);
      rest = rest.subarray(end);
    }
  }
}

/** Reads length-encoded values; numbers here stay below 2^16. */
class Reader {
  readonly #buffer: Buffer;
  offset: number;

  constructor(buffer: Buffer, offset: number) {
    this.#buffer = buffer;
    this.offset = offset;
  }

  get more(): boolean {
    return this.offset < this.#buffer.length;
  }

  number(): number {
    const first = this.#buffer.readUInt8(this.offset++);
    if (first < 0xfb) return first;
    if (first !== 0xfc) throw new Error('a longer number than a test needs');
    this.offset += 2;
    return this.#buffer.readUInt16LE(this.offset - 2);
  }

  bytes(): Buffer {
    const length = this.number();
    this.offset += length;
    return this.#buffer.subarray(this.offset - length, this.offset);
  }

  text(): string {
    return this.bytes().toString();
  }

  rest(): string {
    return this.#buffer.subarray(this.offset).toString();
  }
}
