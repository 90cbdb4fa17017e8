/**
 * Reads and writes through the database's one address, the SQL router of this host: it knows the members, sends reads to
 * replicas and writes to the primary, and holds what comes while the primary changes. What is left to do here is to say
 * honestly what became of a statement whose answer is an error.
 */
import type { Config } from './config.ts';
import { classify, OutcomeUnknown, reasonOf, Unavailable } from './failure.ts';
import { type Connection, DatabasePool, limits, type Row, type Value } from './pool.ts';

/** Any member's answer will do: the site can show its list while there is no primary. */
const signOfLife = '/* tandem:replica */ SELECT 1';

export class Database {
  readonly #pool: DatabasePool;

  constructor({ database, poolSize }: Config, log: (line: string) => void) {
    this.#pool = new DatabasePool(database, poolSize, log);
  }

  /** Rows of a query; one whose answer does not come is repeated once. Throws Unavailable, or the server's refusal. */
  async read(sql: string, values: readonly Value[]): Promise<Row[]> {
    return await this.#run(sql, values, limits.read)
      .catch((error: unknown) => {
        if (classify(error) !== 'lost') throw error;
        return this.#run(sql, values, limits.read);
      })
      .catch((error: unknown) => {
        throw classify(error) === 'lost' ? away(error) : error;
      });
  }

  /**
   * One statement that changes data, with the rows of its `RETURNING`. Never sent twice. Throws Unavailable (it was not
   * executed), OutcomeUnknown, or the server's refusal.
   */
  async write(sql: string, values: readonly Value[]): Promise<Row[]> {
    return await this.#run(sql, values, limits.statement).catch((error: unknown) => {
      throw classify(error) === 'lost' ? new OutcomeUnknown({ cause: error }) : error;
    });
  }

  /** Does the database answer a query within `limitMs`? */
  async check(limitMs: number): Promise<boolean> {
    const startedAt = performance.now();
    const connection = await this.#pool.acquire(limitMs).catch(() => null);
    if (connection === null) return false;
    try {
      await connection.ask(signOfLife, Math.max(1, limitMs - (performance.now() - startedAt)));
      connection.release();
      return true;
    } catch {
      connection.destroy();
      return false;
    }
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  async #run(sql: string, values: readonly Value[], limitMs: number): Promise<Row[]> {
    const connection: Connection = await this.#pool.acquire().catch((error: unknown) => {
      throw away(error);
    });
    try {
      const rows = await connection.rows(sql, values, limitMs);
      connection.release();
      return rows;
    } catch (error) {
      const kind = classify(error);
      if (kind === 'lost' || kind === 'bug') connection.destroy();
      else connection.release();
      throw kind === 'not-executed' ? away(error) : error;
    }
  }
}

function away(cause: unknown): Unavailable {
  return new Unavailable(`the database did not answer (${reasonOf(cause)})`, { cause });
}
