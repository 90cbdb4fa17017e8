/** Connections to the database's one address, with a time limit on everything. */
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
  /** Connection and login: the router answers both itself. */
  connect: 1_000,
  /** A free connection: a new one, or one that others give back. */
  acquire: 2_500,
  /** The router holds statements while the database changes its primary; a browser waits a little longer than this. */
  statement: 10_000,
  /** Of a read's two tries: a server that fell silent under the first one is known for it by the second. */
  read: 5_000,
  /** A connection that nobody used for so long is closed. */
  idle: 60_000,
} as const;

/** Waiting requests that a pool takes before it refuses; each connection serves hundreds a second. */
const queueLimit = 256;

export class DatabasePool {
  readonly #label: string;
  readonly #pool: Pool;
  readonly #log: (line: string) => void;
  /** False after a connection that could not be had, until one can. */
  #answers = true;

  constructor(target: DatabaseTarget, size: number, log: (line: string) => void) {
    this.#label = target.label;
    this.#log = log;
    this.#pool = openPool(target, size);
  }

  /**
   * A connection for the caller alone, who gives it back with `release` or `destroy`. Throws the driver's error, or
   * NoAnswer.
   */
  async acquire(limitMs: number = limits.acquire): Promise<Connection> {
    const pending = this.#pool.getConnection();
    try {
      const connection = new Connection(await within(limitMs, pending));
      if (!this.#answers) this.#log(`database ${this.#label} answers again`);
      this.#answers = true;
      return connection;
    } catch (error) {
      // What comes too late for this caller goes back for the next one.
      if (error instanceof NoAnswer) {
        pending.then(
          (late) => late.release(),
          () => {},
        );
      }
      if (this.#answers) this.#log(`database ${this.#label} does not answer (${reasonOf(error)})`);
      this.#answers = false;
      throw error;
    }
  }

  /** Closes all connections; those in use are cut. */
  async close(): Promise<void> {
    await within(500, this.#pool.end()).catch(() => {});
  }
}

/** A connection in use. A statement that fails with a lost connection must be followed by `destroy`. */
export class Connection {
  readonly #connection: PoolConnection;

  constructor(connection: PoolConnection) {
    this.#connection = connection;
  }

  /** Rows of a query. Prepared on the server: no value is ever part of the SQL text. */
  async rows(sql: string, values: readonly Value[], limitMs: number): Promise<Row[]> {
    const [rows] = await within(limitMs, this.#connection.execute<Row[]>(sql, [...values]));
    return rows;
  }

  /** A query without values, in one round trip. */
  async ask(sql: string, limitMs: number): Promise<void> {
    await within(limitMs, this.#connection.query<Row[] | ResultSetHeader>(sql));
  }

  release(): void {
    this.#connection.release();
  }

  /** Ends the connection: its state, or whether it lives, is unknown. */
  destroy(): void {
    this.#connection.destroy();
  }
}

function openPool(target: DatabaseTarget, size: number): Pool {
  return createPool({
    ...(target.socketPath === null
      ? { host: target.host, port: target.port }
      : { socketPath: target.socketPath }),
    user: target.user,
    password: target.password(),
    database: target.schema,
    charset: 'utf8mb4',
    connectTimeout: limits.connect,
    connectionLimit: size,
    // Below connectionLimit, so that the driver closes idle connections at all.
    maxIdle: Math.max(1, size - 1),
    idleTimeout: limits.idle,
    gracefulEnd: true,
    queueLimit,
    maxPreparedStatements: 16,
    // The column is UTC; the driver's own conversion would assume a time zone.
    dateStrings: true,
    supportBigNumbers: true,
    multipleStatements: false,
    // No stack is taken for each statement: what failed is told by its error.
    trace: false,
    // A server that asks for a local file gets none.
    flags: ['-LOCAL_FILES'],
  });
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
