/** One database server: its pool of connections, its time limits, and whether it answers at the moment. */
import { readFileSync, statSync } from 'node:fs';
import { connect, isIP, type Socket } from 'node:net';
import {
  createPool,
  type Pool,
  type PoolConnection,
  type ResultSetHeader,
  type RowDataPacket,
} from 'mysql2/promise';
import type { DatabaseTarget } from './database-url.ts';
import { NoAnswer, reasonOf } from './failure.ts';

export type Row = RowDataPacket;
export type Value = string | number | null;

/** Milliseconds. */
export const limits = {
  /** Name lookup, TCP, TLS and login. */
  connect: 2_000,
  /** A free connection: a new one, or one that others give back. */
  acquire: 2_500,
  statement: 5_000,
  /** Between two attempts to reach a server that does not answer. */
  probe: 500,
  /** A connection that nobody used for so long is closed. */
  idle: 60_000,
} as const;

/** Waiting requests that a pool takes before it refuses; each connection serves hundreds a second. */
const queueLimit = 256;

export class Member {
  readonly label: string;
  /** False after a failed connection or a missing answer, until a probe gets one. Requests then ask others first. */
  answers = true;
  readonly #pool: Pool;
  readonly #poolSize: number;
  readonly #log: (line: string) => void;
  #probe: NodeJS.Timeout | null = null;
  #closed = false;
  #inUse = 0;

  constructor(target: DatabaseTarget, poolSize: number, log: (line: string) => void) {
    this.label = target.label;
    this.#log = log;
    this.#pool = openPool(target, poolSize);
    this.#poolSize = poolSize;
  }

  /**
   * A connection for the caller alone, who gives it back with `release` or `destroy`. Throws the driver's error, or
   * NoAnswer.
   */
  async acquire(limitMs: number = limits.acquire): Promise<Connection> {
    // With all connections in use, waiting in vain says nothing about the server.
    const queued = this.#inUse >= this.#poolSize;
    const pending = this.#pool.getConnection();
    try {
      const connection = await within(limitMs, pending);
      this.#inUse += 1;
      return new Connection(connection, () => {
        this.#inUse -= 1;
      });
    } catch (error) {
      // What comes too late for this caller goes back for the next one.
      if (error instanceof NoAnswer) {
        pending.then(
          (late) => late.release(),
          () => {},
        );
      }
      if (!queued) this.missed(error);
      throw error;
    }
  }

  /** The server did not answer: others are asked first until it does. */
  missed(error: unknown): void {
    if (!this.answers || this.#closed) return;
    this.answers = false;
    this.#log(`database ${this.label} does not answer (${reasonOf(error)})`);
    this.#scheduleProbe();
  }

  /** Does the server answer within `limitMs`? */
  async check(limitMs: number): Promise<boolean> {
    const startedAt = performance.now();
    try {
      const connection = await this.acquire(limitMs);
      await this.#ping(connection, Math.max(1, limitMs - (performance.now() - startedAt)));
      return true;
    } catch {
      return false;
    }
  }

  /** Closes all connections; those in use are cut. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#probe !== null) clearTimeout(this.#probe);
    await within(500, this.#pool.end()).catch(() => {});
  }

  #scheduleProbe(): void {
    this.#probe = setTimeout(async () => {
      if (await this.check(limits.acquire)) {
        this.answers = true;
        this.#log(`database ${this.label} answers again`);
      } else if (!this.#closed) this.#scheduleProbe();
    }, limits.probe);
    this.#probe.unref();
  }

  async #ping(connection: Connection, limitMs: number): Promise<void> {
    try {
      await connection.ping(limitMs);
      connection.release();
    } catch (error) {
      connection.destroy();
      this.missed(error);
      throw error;
    }
  }
}

/** A connection in use. A statement that fails with a lost connection must be followed by `destroy`. */
export class Connection {
  readonly #connection: PoolConnection;
  readonly #done: () => void;

  constructor(connection: PoolConnection, done: () => void) {
    this.#connection = connection;
    this.#done = done;
  }

  /** Rows of a query. Prepared on the server: no value is ever part of the SQL text. */
  async rows(sql: string, values: readonly Value[], limitMs: number = limits.statement): Promise<Row[]> {
    const [rows] = await within(limitMs, this.#connection.execute<Row[]>(sql, [...values]));
    return rows;
  }

  /** Rows that a statement without a result set changed. */
  async change(sql: string, values: readonly Value[], limitMs: number = limits.statement): Promise<number> {
    const [result] = await within(limitMs, this.#connection.execute<ResultSetHeader>(sql, [...values]));
    return result.affectedRows;
  }

  /** One cheap round trip. */
  async ping(limitMs: number): Promise<void> {
    await within(limitMs, this.#connection.query('SELECT 1'));
  }

  release(): void {
    this.#done();
    this.#connection.release();
  }

  /** Ends the connection: its state, or whether it lives, is unknown. */
  destroy(): void {
    this.#done();
    this.#connection.destroy();
  }
}

function openPool(target: DatabaseTarget, poolSize: number): Pool {
  const trust = target.caFile === null ? null : new TrustFile(target.caFile);
  return createPool({
    ...(target.socketPath === null
      ? { host: target.host, port: target.port, stream: () => openStream(target, trust) }
      : { socketPath: target.socketPath }),
    user: target.user,
    password: target.password(),
    database: target.schema,
    charset: 'utf8mb4',
    connectTimeout: limits.connect,
    connectionLimit: poolSize,
    // Below connectionLimit, so that the driver closes idle connections at all.
    maxIdle: Math.max(1, poolSize - 1),
    idleTimeout: limits.idle,
    gracefulEnd: true,
    queueLimit,
    maxPreparedStatements: 16,
    // The column is UTC; the driver's own conversion would assume a time zone.
    dateStrings: true,
    supportBigNumbers: true,
    multipleStatements: false,
    // A server that asks for a local file gets none.
    flags: ['-LOCAL_FILES'],
    ...(trust === null ? {} : { ssl: trust.options }),
  });
}

function openStream(target: DatabaseTarget, trust: TrustFile | null): Socket {
  trust?.refresh();
  const socket = connect({
    host: target.host,
    port: target.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 10_000,
  });
  // The driver sends no TLS server name for an address, and node:tls then checks the certificate against the name
  // that the socket was opened for: that is set for names only, and the fallback is "localhost", which every
  // server's certificate may hold. So the address is put there.
  if (isIP(target.host) !== 0) Object.assign(socket, { _host: target.host });
  return socket;
}

/** The authority's certificate; read again when the file has changed, so that a rotation needs no restart. */
class TrustFile {
  readonly options: { ca: string; minVersion: string; rejectUnauthorized: boolean; verifyIdentity: boolean };
  readonly #path: string;
  #modifiedMs: number;

  constructor(path: string) {
    this.#path = path;
    this.#modifiedMs = statSync(path).mtimeMs;
    this.options = {
      ca: readFileSync(path, 'utf8'),
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      verifyIdentity: true,
    };
  }

  refresh(): void {
    try {
      const modifiedMs = statSync(this.#path).mtimeMs;
      if (modifiedMs === this.#modifiedMs) return;
      this.options.ca = readFileSync(this.#path, 'utf8');
      this.#modifiedMs = modifiedMs;
    } catch {
      // The file is being replaced: what was read before still holds.
    }
  }
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(limitMs)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // Whoever lost the race must not become an unhandled rejection.
    work.catch(() => {});
  }
}
