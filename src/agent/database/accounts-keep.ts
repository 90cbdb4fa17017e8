/**
 * Keeps the accounts of the primary as the stack file has them. By an account of its own, which a read-only server
 * refuses: a member that has just been demoted must not write anything that only it has.
 */
import { isAnswer, MariadbConnection } from '#src/adapters/mariadb/connection.ts';
import {
  type AccountChanges,
  accountChanges,
  type KeptAccount,
  type ServerAccount,
} from './account-changes.ts';
import { keeperAccount, keeperSql } from './accounts.ts';
import { runAsRoot } from './as-root.ts';
import type { DatabaseMember } from './member.ts';
import { readPasswords } from './passwords.ts';

/** Each change waits for a replica's acknowledgement. */
const timeoutMs = 10_000;
/** ER_ACCESS_DENIED_ERROR: a database that was made before there was a keeper. */
const accessDenied = 1045;

/** As much of a member as this takes. */
type Member = Pick<DatabaseMember, 'log'> & {
  readonly config: Pick<
    DatabaseMember['config'],
    'socket' | 'passwordsFile' | 'accounts' | 'applicationAccount' | 'schema'
  >;
};

export class AccountKeeper {
  readonly #member: Member;
  readonly #connection: MariadbConnection;

  constructor(member: Member) {
    this.#member = member;
    this.#connection = new MariadbConnection({
      socketPath: member.config.socket,
      user: keeperAccount,
      password: async () => (await readPasswords(member.config.passwordsFile)).agent,
    });
  }

  close(): void {
    this.#connection.close();
  }

  /** Undefined when all is as it should be; otherwise what is in the way, for the operator. Only on the primary. */
  async keep(): Promise<string | undefined> {
    const { statements, taken } = await this.#changes();
    for (const statement of statements) await this.#connection.rows(statement, [], timeoutMs);
    if (statements.length > 0) this.#member.log.info('accounts changed', { statements: statements.length });
    if (taken.length === 0) return undefined;
    const names = taken.join(', ');
    return `Accounts of that name exist, and were not made for the stack file: ${names}. Drop them, or choose other names in database.accounts.`;
  }

  async #changes(): Promise<AccountChanges> {
    const { config } = this.#member;
    const passwords = await readPasswords(config.passwordsFile);
    const wanted = config.accounts.map(({ name, privileges }) => {
      const password = passwords.accounts[name];
      if (password === undefined)
        throw new Error(`${config.passwordsFile}: the password of ${name} is missing`);
      return { name, privileges, password };
    });
    const server = await this.#server();
    const kept = (await this.#connection.rows('SELECT name, privileges FROM tandem.account')) as unknown;
    const application = { name: config.applicationAccount, password: passwords.application };
    return accountChanges(
      wanted,
      application,
      { server, kept: kept as readonly KeptAccount[] },
      config.schema,
    );
  }

  async #server(): Promise<readonly ServerAccount[]> {
    const sql =
      "SELECT User AS name, JSON_VALUE(Priv, '$.authentication_string') AS hash FROM mysql.global_priv WHERE Host = '%'";
    try {
      return (await this.#connection.rows(sql)) as unknown as readonly ServerAccount[];
    } catch (error) {
      if (!isAnswer(error) || (error as { errno?: number }).errno !== accessDenied) throw error;
    }
    const { config } = this.#member;
    const { agent } = await readPasswords(config.passwordsFile);
    await runAsRoot(config.socket, `${keeperSql(config.schema, agent).join('\n')}\n`);
    return (await this.#connection.rows(sql)) as unknown as readonly ServerAccount[];
  }
}
