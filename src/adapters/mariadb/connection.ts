/**
 * One connection to the local server through its unix socket, made when needed and again after it broke. Every
 * statement has a time limit: what does not answer in time is unknown, its connection is thrown away, and the server is
 * told to end it, so that it does not act later.
 */
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';

export interface MariadbAccount {
  readonly socketPath: string;
  readonly user: string;
  /** Asked for each new connection. */
  readonly password: () => Promise<string>;
}

export type Row = Readonly<Record<string, string | number | null>>;

/** Whether the server itself said it. Its numbers begin at 1000; the operating system's are negative, the driver has none. */
export function isAnswer(error: unknown): boolean {
  const { errno, fatal } = error as { errno?: unknown; fatal?: unknown };
  return typeof errno === 'number' && errno >= 1_000 && fatal !== true;
}

/** For telling the server to end a statement that took too long. */
const killTimeoutMs = 300;

export class MariadbConnection {
  readonly #account: MariadbAccount;
  readonly #timeoutMs: number;
  #connection: Promise<Connection> | undefined;
  /** Told when a living connection ended: the server died, or shut down, or threw us out. */
  onLost: (() => void) | undefined;

  constructor(account: MariadbAccount, timeoutMs = 1_000) {
    this.#account = account;
    this.#timeoutMs = timeoutMs;
  }

  get open(): boolean {
    return this.#connection !== undefined;
  }

  /** Rows of a statement; empty for one that has none. */
  async rows(
    sql: string,
    values: readonly (string | number)[] = [],
    timeoutMs = this.#timeoutMs,
  ): Promise<readonly Row[]> {
    const connection = await this.#connect();
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer from MariaDB in ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      const query = connection.query<RowDataPacket[]>(sql, [...values]);
      // The loser of the race is not an unhandled rejection.
      query.catch(() => undefined);
      const [rows] = await Promise.race([query, tooLate]);
      return Array.isArray(rows) ? (rows as unknown as Row[]) : [];
    } catch (error) {
      if (!isAnswer(error)) {
        this.#drop(connection);
        await this.#kill(connection.threadId);
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async row(
    sql: string,
    values: readonly (string | number)[] = [],
    timeoutMs?: number,
  ): Promise<Row | undefined> {
    return (await this.rows(sql, values, timeoutMs ?? this.#timeoutMs))[0];
  }

  close(): void {
    this.#connection?.then((connection) => connection.destroy()).catch(() => undefined);
    this.#connection = undefined;
  }

  /** Best effort: a server that is frozen can't be told. */
  async #kill(threadId: number): Promise<void> {
    const killer = await this.#open(killTimeoutMs).catch(() => undefined);
    if (killer === undefined) return;
    const timer = setTimeout(() => killer.destroy(), killTimeoutMs);
    await killer.query(`KILL ${Math.trunc(threadId)}`).catch(() => undefined);
    clearTimeout(timer);
    killer.destroy();
  }

  #connect(): Promise<Connection> {
    this.#connection ??= this.#open().catch((error) => {
      this.#connection = undefined;
      throw error;
    });
    return this.#connection;
  }

  async #open(timeoutMs = this.#timeoutMs): Promise<Connection> {
    const password = await this.#account.password();
    const connection = await createConnection({
      socketPath: this.#account.socketPath,
      user: this.#account.user,
      password,
      connectTimeout: timeoutMs,
      // GTIDs and binlog positions go beyond 2^53 only in theory; as text they are safe anyway.
      supportBigNumbers: true,
      bigNumberStrings: false,
      multipleStatements: false,
      // A stack for every statement, for the case that it fails, is what statements cost most.
      trace: false,
    });
    // Without a listener an error of an idle connection would end the process.
    connection.on('error', () => this.#drop(connection));
    (connection as unknown as { connection: NodeJS.EventEmitter }).connection.once('end', () =>
      this.#drop(connection),
    );
    return connection;
  }

  #drop(connection: Connection): void {
    connection.destroy();
    const current = this.#connection;
    void current?.then(
      (now) => {
        if (now !== connection || this.#connection !== current) return;
        this.#connection = undefined;
        this.onLost?.();
      },
      () => undefined,
    );
  }
}
