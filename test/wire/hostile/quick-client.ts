/** A client without comfort, for many short sessions: logs in, sends bytes, sees what comes and when it ends. */
import { connect, type Socket } from 'node:net';
import { nativeAnswer } from '#src/mysql-wire/auth-native.ts';
import { capability, offeredCapabilities } from '#src/mysql-wire/capabilities.ts';
import { headerBytes, packetOf } from '#src/mysql-wire/framing.ts';
import { parseGreeting } from '#src/mysql-wire/greeting.ts';
import { encodeHandshakeResponse } from '#src/mysql-wire/handshake-response.ts';
import { digests } from '#src/router/digests.ts';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** The login that answers a greeting. */
export function loginFor(greeting: Buffer, { user, password }: Credentials, without = 0): Buffer {
  const { scramble } = parseGreeting(greeting.subarray(headerBytes));
  const offered = offeredCapabilities & ~capability.mysql & ~capability.connectWithDatabase & ~without;
  const response = encodeHandshakeResponse({
    capabilities: offered >>> 0,
    extendedCapabilities: 0,
    maxPacketBytes: 1 << 24,
    collation: 45,
    user,
    authResponse: nativeAnswer(digests, password, scramble),
    authPlugin: 'mysql_native_password',
    database: undefined,
    attributes: new Map(),
  });
  return packetOf(response, 1);
}

export class QuickClient {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  closed = false;
  #wake: () => void = () => undefined;

  constructor(path: string) {
    this.socket = connect({ path, allowHalfOpen: false });
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk) => {
      this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
      this.#wake();
    });
    this.socket.once('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** Waits until it holds or the connection is closed; false after `timeoutMs`. */
  async until(holds: () => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (!holds() && !this.closed) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return true;
  }

  /** Whether a whole packet is there. */
  get answered(): boolean {
    const { received } = this;
    return received.length >= headerBytes && received.length >= headerBytes + received.readUIntLE(0, 3);
  }

  /** Takes the greeting out. */
  async greeting(timeoutMs: number): Promise<Buffer> {
    await this.until(() => this.answered, timeoutMs);
    const { received } = this;
    this.received = Buffer.alloc(0);
    return received;
  }

  async logIn(credentials: Credentials, timeoutMs: number): Promise<void> {
    this.socket.write(loginFor(await this.greeting(timeoutMs), credentials));
    await this.until(() => this.answered, timeoutMs);
    if (this.received[headerBytes] !== 0) throw new Error(`no login: ${this.received.toString('latin1')}`);
    this.received = Buffer.alloc(0);
  }
}
