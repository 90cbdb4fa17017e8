/**
 * Reads and writes over the members. Reads go to the first member that answers; writes to the member that takes them,
 * which changes with a failover. A write is offered again only when it certainly did not happen.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from './config.ts';
import { classify, NoAnswer, OutcomeUnknown, reasonOf, Unavailable } from './failure.ts';
import { type Connection, limits, Member, type Row, type Value } from './member.ts';
import { contains, type Position } from './position.ts';

/** A position that a client hands back: the header's text and what it says. */
export interface After {
  readonly text: string;
  readonly position: Position;
}

export interface Written {
  /** Rows of a `RETURNING` clause. */
  readonly rows: readonly Row[];
  /** Number of rows changed. */
  readonly changed: number;
  /** GTID of the write; null when the server has no binlog or its connection was lost right after. */
  readonly position: string | null;
  /** Host name of the member that wrote; null when its connection was lost right after. */
  readonly writtenTo: string | null;
}

/** How long a read waits for a replica to catch up before it asks the primary. */
const catchUpSeconds = 0.5;

/** How long a write looks for a member that takes it; longer than a failover takes. */
const findPrimaryMs = 3_000;
const lookAgainMs = 50;

export class Database {
  /** The member that took the last write. */
  #primary: Member;
  readonly #writers: readonly Member[];
  readonly #readers: readonly Member[];
  readonly #maxWaiting: number;
  #waiting = 0;

  constructor(config: Config, log: (line: string) => void) {
    const members = new Map(
      config.reads.map((target) => [target, new Member(target, config.poolSize, log)] as const),
    );
    this.#writers = config.writes.map((target) => {
      const member = members.get(target);
      if (member === undefined) throw new Error('A target of writes is not among the targets of reads.');
      return member;
    });
    const [primary] = this.#writers;
    if (primary === undefined) throw new Error('There is no target of writes.');
    this.#primary = primary;
    this.#readers = [...members.values()];
    // A position in the far future must not tie up every connection: beyond half of them, the primary answers.
    this.#maxWaiting = Math.max(1, Math.floor(config.poolSize / 2));
  }

  /**
   * Rows of a query, from a member that holds `after`. A member that cannot be reached is passed over; a query whose
   * connection dies is repeated once. Throws Unavailable, or the server's refusal.
   */
  async read(sql: string, values: readonly Value[], after: After | null): Promise<Row[]> {
    if (after === null)
      return await this.#readFrom(this.#inOrder(), (connection) => connection.rows(sql, values));
    const fresh = await this.#readFrom(this.#inOrder(), async (connection, member) => {
      return (await this.#catchesUp(connection, member, after)) ? await connection.rows(sql, values) : null;
    });
    if (fresh !== null) return fresh;
    return await this.#readFrom([this.#primary], (connection) => connection.rows(sql, values));
  }

  /**
   * One statement that changes data, on whichever member takes it. Throws Unavailable (nothing was sent, or it was
   * refused everywhere), OutcomeUnknown, or the refusal.
   */
  async write(sql: string, values: readonly Value[], returns: 'rows' | 'count'): Promise<Written> {
    const deadline = performance.now() + findPrimaryMs;
    let cause: unknown;
    for (;;) {
      for (const member of [this.#primary, ...this.#writers.filter((each) => each !== this.#primary)]) {
        try {
          const written = await this.#writeTo(member, sql, values, returns);
          this.#primary = member;
          return written;
        } catch (error) {
          if (!(error instanceof Unavailable) && classify(error) !== 'read-only') throw error;
          cause = error;
        }
      }
      if (performance.now() > deadline) throw cause;
      await sleep(lookAgainMs);
    }
  }

  async #writeTo(
    member: Member,
    sql: string,
    values: readonly Value[],
    returns: 'rows' | 'count',
  ): Promise<Written> {
    const connection = await member.acquire().catch((error: unknown) => {
      throw new Unavailable(`${member.label}: ${reasonOf(error)}`, { cause: error });
    });
    let rows: Row[] = [];
    let changed: number;
    try {
      if (returns === 'rows') rows = await connection.rows(sql, values);
      changed = returns === 'rows' ? rows.length : await connection.change(sql, values);
    } catch (error) {
      const kind = classify(error);
      // A server that stopped taking writes will not take them on this connection later: a new one may find the
      // new primary behind the same address.
      if (kind === 'lost' || kind === 'read-only' || kind === 'bug') connection.destroy();
      else connection.release();
      throw kind === 'lost' ? new OutcomeUnknown({ cause: error }) : error;
    }
    return { rows, changed, ...(await traceWrite(connection)) };
  }

  /** Does any member answer a query within `limitMs`? Members share the time, best first. */
  async check(limitMs: number): Promise<boolean> {
    const deadline = performance.now() + limitMs;
    const members = this.#inOrder();
    for (const [index, member] of members.entries()) {
      const shareMs = Math.max(1, (deadline - performance.now()) / (members.length - index));
      if (await member.check(shareMs)) return true;
    }
    return false;
  }

  async close(): Promise<void> {
    await Promise.all(this.#readers.map((member) => member.close()));
  }

  /** Members that answer come first; the others are still tried when no one else is left. */
  #inOrder(): Member[] {
    return [
      ...this.#readers.filter((member) => member.answers),
      ...this.#readers.filter((member) => !member.answers),
    ];
  }

  async #readFrom<T>(
    members: readonly Member[],
    work: (connection: Connection, member: Member) => Promise<T>,
  ): Promise<T> {
    let repeated = false;
    let cause: unknown;
    for (let index = 0; index < members.length; ) {
      const member = members[index];
      if (member === undefined) break;
      let connection: Connection;
      try {
        connection = await member.acquire();
      } catch (error) {
        cause = error;
        index += 1;
        continue;
      }
      try {
        const result = await work(connection, member);
        connection.release();
        return result;
      } catch (error) {
        const kind = classify(error);
        if (kind !== 'lost' && kind !== 'bug') connection.release();
        else connection.destroy();
        if (kind !== 'lost') throw error;
        cause = error;
        if (error instanceof NoAnswer) member.missed(error);
        if (repeated) break;
        repeated = true;
        // The next member if there is one: this one may be going down.
        if (index + 1 < members.length) index += 1;
      }
    }
    throw new Unavailable(`no database server answered a read (${reasonOf(cause)})`, { cause });
  }

  /** Is what the client has seen before visible on this connection, at once or after a short wait? */
  async #catchesUp(connection: Connection, member: Member, after: After): Promise<boolean> {
    // The primary is where the position came from.
    if (member === this.#primary) return true;
    if (this.#waiting >= this.#maxWaiting) return false;
    this.#waiting += 1;
    try {
      // MASTER_GTID_WAIT (https://mariadb.com/kb/en/master_gtid_wait/) follows replication only. A member that takes
      // writes, a replica that was promoted since, is asked for its binlog instead, else every read would wait in vain.
      const [row] = await connection.rows(
        `SELECT IF(@@GLOBAL.read_only, MASTER_GTID_WAIT(?, ${catchUpSeconds}), NULL) AS waited,
                @@GLOBAL.gtid_binlog_pos AS binlog_position`,
        [after.text],
      );
      if (row?.['waited'] === null) return contains(String(row['binlog_position'] ?? ''), after.position);
      return Number(row?.['waited']) === 0;
    } finally {
      this.#waiting -= 1;
    }
  }
}

/** Where a write went. The write is confirmed by now, so a connection lost here costs the position, not the answer. */
async function traceWrite(connection: Connection): Promise<Pick<Written, 'position' | 'writtenTo'>> {
  try {
    const [row] = await connection.rows(
      'SELECT @@last_gtid AS position, @@hostname AS member',
      [],
      limits.connect,
    );
    connection.release();
    return { position: row?.['position'] || null, writtenTo: row?.['member'] ?? null };
  } catch {
    connection.destroy();
    return { position: null, writtenTo: null };
  }
}
