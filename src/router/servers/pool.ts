/**
 * The connections to one member: at most `limit`, kept between sessions and sorted by what a session needs of one. A
 * session that is between statements and has no state may lose its connection to one that waits.
 */
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { ProtocolError } from '#src/mysql-wire/protocol-error.ts';
import type { MemberStatistics } from '../operation/statistics.ts';
import type { Member } from '../topology/topology.ts';
import { ServerConnection } from './connection.ts';
import { type LoggedIn, type LoginKey, logInToServer, type ServerTls } from './login.ts';
import { PacketLimit } from './packet-limit.ts';

export interface PoolOptions {
  readonly limit: number;
  /** How long a session waits for a connection to become free. */
  readonly waitMs: number;
  readonly connectTimeoutMs: number;
  readonly tls: ServerTls | undefined;
}

/** What a session needs of a connection. */
export interface Wanted {
  readonly key: LoginKey;
  readonly schema: string | undefined;
  /** Of both: `keyTextOf`. */
  readonly keyText: string;
}

/** All connections were in use for as long as a session may wait: another wait would be no shorter. */
export class PoolBusy extends ProtocolError {
  constructor(limit: number, member: string, waitMs: number) {
    super(
      1040,
      '08004',
      `Too many connections: all ${limit} of the SQL router to ${member} were in use for ${waitMs} ms; ` +
        'the statement was not executed',
    );
  }
}

interface Waiter extends Wanted {
  readonly resolve: (connection: ServerConnection) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Two sessions with the same text can use each other's connections. */
export function keyTextOf(key: LoginKey, schema: string | undefined): string {
  const account = `${key.collation}:${key.capabilities}:${key.extendedCapabilities}:${key.user}`;
  return schema === undefined ? account : `${account}\0${schema}`;
}

const resetPacket = commandPacket(command.resetConnection);

/** Why a retired pool's connections end. */
export const changedRole = 'the member changed its role';

export class MemberPool {
  readonly member: Member;
  /** In which its connections were made. */
  readonly epoch: number;
  readonly packetLimit = new PacketLimit();
  /** Of the member: they outlive its pools. */
  readonly statistics: MemberStatistics;
  #options: PoolOptions;
  /** All open ones, with their keys. */
  readonly #all = new Map<ServerConnection, Wanted>();
  readonly #idle = new Map<string, ServerConnection[]>();
  readonly #waiters: Waiter[] = [];
  readonly #load = { count: 0 };
  #connecting = 0;
  #retired = false;
  #serving = false;

  constructor(member: Member, epoch: number, options: PoolOptions, statistics: MemberStatistics) {
    this.member = member;
    this.statistics = statistics;
    this.epoch = epoch;
    this.#options = options;
  }

  /** Whether sessions wait, so that whoever can gives its connection back at once. */
  get crowded(): boolean {
    return this.#waiters.length > 0;
  }

  /** Whether the member has let in somebody who wanted the same. */
  knows(keyText: string): boolean {
    for (const wanted of this.#all.values()) if (wanted.keyText === keyText) return true;
    return false;
  }

  get size(): number {
    return this.#all.size;
  }

  get limit(): number {
    return this.#options.limit;
  }

  /** Connections that there are, or that are being made. */
  get taken(): number {
    return this.#all.size + this.#connecting;
  }

  /** More is used at once; with less, connections that nobody uses are closed now, others when they come back. */
  setLimit(limit: number): void {
    this.#options = { ...this.#options, limit };
    for (const connection of [...this.#all.keys()]) {
      if (this.taken <= limit) break;
      if (connection.owner === undefined && !connection.busy) connection.lose('more than its share');
    }
    this.#serve();
  }

  /** Sessions that wait for a connection. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /** Connections that no session has. */
  get idle(): number {
    let count = 0;
    for (const list of this.#idle.values()) count += list.length;
    return count;
  }

  /** All open connections. */
  connections(): Iterable<ServerConnection> {
    return this.#all.keys();
  }

  /** Statements under way: what "least outstanding" counts. */
  get outstanding(): number {
    return this.#load.count;
  }

  /** An idle connection, if there is one; preferably one that still has the state `stateOf`. */
  take(keyText: string, stateOf: object): ServerConnection | undefined {
    const idle = this.#idle.get(keyText);
    if (idle === undefined || idle.length === 0) return undefined;
    const own = idle.findIndex((connection) => connection.stateOf === stateOf);
    if (own < 0) return idle.pop();
    return idle.splice(own, 1)[0];
  }

  /** Rejects with a ProtocolError of the server, or PoolBusy after the wait; another error: no connection. */
  acquire(wanted: Wanted, stateOf: object): Promise<ServerConnection> {
    const idle = this.take(wanted.keyText, stateOf);
    if (idle !== undefined) return Promise.resolve(idle);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp(waiter), this.#options.waitMs);
      const waiter: Waiter = { ...wanted, resolve, reject, timer };
      this.#waiters.push(waiter);
      this.#serve();
    });
  }

  /** Whether the member lets in who has a connection here already: one that is frozen, or gone, doesn't. */
  async answers(): Promise<boolean> {
    const [wanted] = this.#all.values();
    if (wanted === undefined) return true;
    try {
      (await this.connectApart(wanted.key)).channel.destroy();
      return true;
    } catch (error) {
      return error instanceof ProtocolError;
    }
  }

  /** A connection beside the pool, for the router's own questions: sessions can't be in its way. */
  connectApart(key: LoginKey): Promise<LoggedIn> {
    if (this.#retired) return Promise.reject(new Error(changedRole));
    const { connectTimeoutMs, tls } = this.#options;
    return logInToServer(this.member.address, key, undefined, tls, connectTimeoutMs);
  }

  /**
   * A connection that nobody uses any more. `resetNow` when it holds a transaction, locks or temporary tables; otherwise
   * its state is reset when the next session takes it.
   */
  release(connection: ServerConnection, resetNow: boolean): void {
    connection.owner = undefined;
    if (!connection.open) return;
    if (this.#retired || connection.unusable || connection.busy) {
      connection.lose(this.#retired ? 'not needed any more' : 'its state cannot be reset');
      return;
    }
    connection.lastUsedMs = Date.now();
    if (!resetNow) {
      this.#shelve(connection);
      return;
    }
    connection.stateOf = undefined;
    connection.ask(resetPacket, responseShape.result, ({ error }) => {
      if (error !== undefined) connection.lose(`could not reset: ${error.message}`);
      connection.clean();
      this.#shelve(connection);
    });
  }

  #shelve(connection: ServerConnection): void {
    if (!connection.open || connection.owner !== undefined) return;
    if (this.taken > this.#options.limit) {
      connection.lose('more than its share');
      return;
    }
    const before = this.#all.get(connection) as Wanted;
    let { keyText } = before;
    if (before.schema !== connection.database) {
      const schema = connection.database;
      keyText = keyTextOf(before.key, schema);
      this.#all.set(connection, { key: before.key, schema, keyText });
    }
    const idle = this.#idle.get(keyText);
    if (idle === undefined) this.#idle.set(keyText, [connection]);
    else idle.push(connection);
    if (this.#waiters.length > 0) this.#serve();
  }

  /** No new ones: idle connections end now, others when they come back, or after `graceMs`. */
  retire(reason: string, graceMs: number): void {
    this.#retired = true;
    for (const waiter of this.#waiters.splice(0)) this.#settle(waiter).reject(new Error(reason));
    for (const connection of [...this.#all.keys()]) if (!connection.busy) connection.lose(reason);
    const rest = [...this.#all.keys()];
    const end = (): void => {
      for (const connection of rest) connection.lose(reason);
    };
    if (graceMs === 0) end();
    else setTimeout(end, graceMs).unref();
  }

  get retired(): boolean {
    return this.#retired;
  }

  /** Takes connections from sessions that are idle since `detachBefore`; closes those unused since `closeBefore`. */
  tidy(detachBefore: number, closeBefore: number): void {
    for (const connection of [...this.#all.keys()]) {
      const { owner } = connection;
      if (owner !== undefined) {
        if (connection.lastUsedMs < detachBefore && owner.mayDetach(connection)) owner.detach(connection);
      } else if (connection.lastUsedMs < closeBefore && !connection.busy) connection.lose('idle');
    }
    // Some keep a connection for a while that they could give away by now.
    if (this.#waiters.length > 0) this.#serve();
  }

  #serve(): void {
    // Making room releases connections, which comes back here.
    if (this.#serving) return;
    this.#serving = true;
    try {
      this.#serveAll();
    } finally {
      this.#serving = false;
    }
  }

  #serveAll(): void {
    while (this.#waiters.length > 0) {
      const waiter = this.#waiters[0] as Waiter;
      const idle = this.take(waiter.keyText, waiter);
      if (idle !== undefined) {
        this.#waiters.shift();
        this.#settle(waiter).resolve(idle);
        continue;
      }
      if (this.taken < this.#options.limit) {
        this.#waiters.shift();
        void this.#connect(waiter);
        continue;
      }
      if (!this.#makeRoom(waiter)) return;
    }
  }

  /** Frees a connection: of a session that can do without it, or an idle one that doesn't fit. */
  #makeRoom(waiter: Waiter): boolean {
    let unfit = this.#anyIdle();
    for (const [connection, { keyText }] of this.#all) {
      const { owner } = connection;
      // Without one it is idle, or it was handed out just now.
      if (owner === undefined || connection.busy || !owner.mayDetach(connection)) continue;
      if (keyText === waiter.keyText) {
        owner.detach(connection);
        return true;
      }
      unfit ??= connection;
    }
    if (unfit === undefined) return false;
    const { owner } = unfit;
    if (owner !== undefined) owner.detach(unfit);
    unfit.lose('room for another account');
    return true;
  }

  #anyIdle(): ServerConnection | undefined {
    for (const list of this.#idle.values()) if (list.length > 0) return list[0];
    return undefined;
  }

  async #connect(waiter: Waiter): Promise<void> {
    this.#connecting++;
    try {
      const { connectTimeoutMs, tls } = this.#options;
      const { key, schema, keyText } = waiter;
      const login = await logInToServer(this.member.address, key, schema, tls, connectTimeoutMs);
      const connection = new ServerConnection(login, schema);
      this.#connecting--;
      this.statistics.connected++;
      if (this.#retired) {
        connection.lose('not needed any more');
        this.#settle(waiter).reject(new Error(changedRole));
        return;
      }
      connection.load = this.#load;
      this.#all.set(connection, { key, schema, keyText });
      connection.lastUsedMs = Date.now();
      connection.onLost = () => this.#remove(connection);
      this.#settle(waiter).resolve(connection);
    } catch (error) {
      this.#connecting--;
      this.statistics.connectFailures++;
      this.#settle(waiter).reject(error as Error);
      if (this.#waiters.length > 0) this.#serve();
    }
  }

  #remove(connection: ServerConnection): void {
    if (connection.broken) this.statistics.broken++;
    const keyText = this.#all.get(connection)?.keyText ?? '';
    this.#all.delete(connection);
    const idle = this.#idle.get(keyText);
    const at = idle?.indexOf(connection) ?? -1;
    if (at >= 0) idle?.splice(at, 1);
    if (this.#waiters.length > 0) queueMicrotask(() => this.#serve());
  }

  #giveUp(waiter: Waiter): void {
    const at = this.#waiters.indexOf(waiter);
    if (at < 0) return;
    this.#waiters.splice(at, 1);
    const { limit, waitMs } = this.#options;
    waiter.reject(new PoolBusy(limit, this.member.name, waitMs));
  }

  #settle(waiter: Waiter): Waiter {
    clearTimeout(waiter.timer);
    return waiter;
  }
}
