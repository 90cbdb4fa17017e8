/** Questions of the router itself to a member, beside the pool that its sessions share. */
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { ServerConnection } from './connection.ts';
import type { LoginKey } from './login.ts';
import type { MemberPool } from './pool.ts';
import { rowsOf } from './rows.ts';

/** utf8mb4_general_ci, and a result set's end that can carry the position. */
export function ownKey(account: { user: string; password: string }, capabilities: number): LoginKey {
  return { ...account, collation: 45, capabilities, extendedCapabilities: 0 };
}

/** One connection, kept for questions alone. Not for statements with side effects. */
export class MonitorConnection {
  readonly #pool: MemberPool;
  readonly #key: LoginKey;
  #connection: ServerConnection | undefined;
  #asking = false;
  #closed = false;

  constructor(pool: MemberPool, key: LoginKey) {
    this.#pool = pool;
    this.#key = key;
  }

  /** Rows of the statement. Rejects when the member doesn't answer within `timeoutMs`: its answer would be old. */
  async rows(sql: string, timeoutMs: number): Promise<(string | null)[][]> {
    if (this.#asking) throw new Error('a question is under way');
    this.#asking = true;
    let timer: NodeJS.Timeout | undefined;
    try {
      const connection = await this.#take();
      timer = setTimeout(() => connection.lose(`no answer in ${timeoutMs} ms`), timeoutMs);
      const answer = await connection.asked(
        commandPacket(command.query, Buffer.from(sql)),
        responseShape.result,
      );
      if (answer.error !== undefined) throw new Error(answer.error.message);
      return rowsOf(answer.bytes);
    } finally {
      clearTimeout(timer);
      this.#asking = false;
    }
  }

  close(): void {
    this.#closed = true;
    this.#connection?.lose('not needed any more');
  }

  async #take(): Promise<ServerConnection> {
    if (this.#connection?.open === true) return this.#connection;
    const connection = new ServerConnection(await this.#pool.connectApart(this.#key), undefined);
    this.#connection = connection;
    if (this.#closed) connection.lose('not needed any more');
    return connection;
  }
}
