/**
 * One socket, plain or TLS, as the router uses it: bytes come by a callback that may be exchanged at any time, and go
 * out without a queue of the router's own. A plain connection to a server reads into one buffer again and again
 * (`onread`), so bytes are valid only during the callback, unless it calls `keepBytes`.
 */
import { connect, type NetConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type SecureContext, TLSSocket } from 'node:tls';

/** A server's socket seldom gives more at once. */
const serverReadBytes = 64 * 1024;
/** A server's host that is gone is noticed so long, and ten seconds, after its last byte: it says nothing any more. */
const keepAliveMs = 10_000;
/** Statements are short, and clients are many. */
const clientReadBytes = 4 * 1024;

export class Channel {
  /** Valid only during the call. */
  onBytes: (chunk: Buffer) => void = () => undefined;
  /** After it was `full`: the kernel has taken everything. */
  onDrain: () => void = () => undefined;
  /** Once: the peer closed the connection, or it broke. */
  onEnd: (reason: string) => void = () => undefined;
  /** After `onEnd`: for whoever made the channel, not for who uses it. */
  onClosed: () => void = () => undefined;
  #socket: Socket;
  #ended = false;
  #kept = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** A connection that a client made. */
  static accepted(socket: Socket): Channel {
    const channel = new Channel(socket);
    channel.#listen(socket, true);
    return channel;
  }

  /**
   * To a server. `reuseBuffer` for one that stays plain: a TLS session can't be put on top of it. Rejects when there is
   * no connection within `timeoutMs`.
   */
  static connect(address: NetConnectOpts, timeoutMs: number, reuseBuffer: boolean): Promise<Channel> {
    const channel = new Channel(new Socket());
    const onread = channel.#onread(serverReadBytes);
    return new Promise((resolve, reject) => {
      const socket = connect({
        ...address,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveMs,
        ...(reuseBuffer ? { onread } : {}),
      } as NetConnectOpts);
      channel.#socket = socket;
      const timer = setTimeout(
        () => socket.destroy(new Error(`no connection in ${timeoutMs} ms`)),
        timeoutMs,
      );
      socket.once('error', reject);
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.off('error', reject);
        channel.#listen(socket, !reuseBuffer);
        resolve(channel);
      });
      socket.once('close', () => clearTimeout(timer));
    });
  }

  /**
   * Reads into one buffer from here on, as connections to servers do. Node.js offers `onread` for connections that it
   * makes, not for those that it accepts: the accepted handle is given to a new Socket. Without a handle (TLS), nothing
   * changes.
   */
  reuseBuffer(): void {
    const old = this.#socket as Socket & { _handle?: object | null };
    const handle = old._handle;
    if (old instanceof TLSSocket || handle === undefined || handle === null || this.#ended) return;
    old.removeAllListeners();
    old._handle = null;
    const socket = new Socket({ handle, onread: this.#onread(clientReadBytes) } as SocketConstructorOpts);
    this.#socket = socket;
    this.#listen(socket, false);
  }

  #onread(size: number): { buffer: () => Buffer; callback: (count: number, bytes: Uint8Array) => boolean } {
    let buffer = Buffer.allocUnsafeSlow(size);
    return {
      buffer: () => {
        if (this.#kept) buffer = Buffer.allocUnsafeSlow(size);
        this.#kept = false;
        return buffer;
      },
      callback: (count, bytes) => {
        this.onBytes((bytes as Buffer).subarray(0, count));
        return true;
      },
    };
  }

  get open(): boolean {
    return !this.#ended;
  }

  get encrypted(): boolean {
    return this.#socket instanceof TLSSocket;
  }

  /** What was written and not yet taken by the kernel. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** The bytes of the present callback stay in use after it. */
  keepBytes(): void {
    this.#kept = true;
  }

  /** More than enough is waiting to go out: pause who fills it, until `onDrain`. */
  get full(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** False when the kernel didn't take all of it at once: then `chunk` stays in use. */
  write(chunk: Buffer): boolean {
    if (this.#ended) return true;
    const socket = this.#socket;
    socket.write(chunk);
    return socket.writableLength === 0;
  }

  /** Writes until `uncork` go out together. */
  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Writes what is left and closes. */
  end(last?: Buffer): void {
    if (this.#ended) return;
    if (last === undefined) this.#socket.end();
    else this.#socket.end(last);
    // A peer that doesn't read must not keep the socket for ever.
    setTimeout(() => this.#socket.destroy(), 2_000).unref();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Speaks TLS as the server from here on; `early` are bytes of it that came already. */
  acceptTls(secureContext: SecureContext, early: Buffer): void {
    const plain = this.#leave();
    // Flowing, it would give the early bytes to nobody.
    plain.pause();
    if (early.length > 0) plain.unshift(early);
    const socket = new TLSSocket(plain, { isServer: true, secureContext, requestCert: false });
    this.#socket = socket;
    this.#listen(socket, true);
  }

  /** Speaks TLS as the client from here on; rejects when the certificate isn't accepted, or nothing comes in time. */
  startTls(options: ConnectionOptions, timeoutMs: number): Promise<void> {
    const plain = this.#leave();
    return new Promise((resolve, reject) => {
      const socket = connectTls({ ...options, socket: plain });
      this.#socket = socket;
      const timer = setTimeout(() => socket.destroy(new Error(`no TLS in ${timeoutMs} ms`)), timeoutMs);
      socket.once('error', reject);
      socket.once('close', () => {
        clearTimeout(timer);
        reject(new Error('the server closed the connection in the TLS handshake'));
      });
      socket.once('secureConnect', () => {
        clearTimeout(timer);
        socket.off('error', reject);
        this.#listen(socket, true);
        resolve();
      });
    });
  }

  /** The socket below a TLS session; only what takes its bytes is removed: the TLS session needs Node's own listeners. */
  #leave(): Socket {
    const plain = this.#socket;
    plain.removeAllListeners('data');
    return plain;
  }

  #listen(socket: Socket, byEvents: boolean): void {
    let reason = 'closed by the peer';
    if (byEvents) socket.on('data', (chunk: Buffer) => this.onBytes(chunk));
    socket.on('drain', () => this.onDrain());
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.once('close', () => {
      if (this.#ended) return;
      this.#ended = true;
      this.onEnd(reason);
      this.onClosed();
    });
  }
}
