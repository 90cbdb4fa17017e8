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
import { keeperAccount, keeperSql, replicationAccountPattern } from './accounts.ts';
import { runAsRoot } from './as-root.ts';
import type { DatabaseMember } from './member.ts';
import { readPasswords } from './passwords.ts';
import { replicationAccountChanges } from './replication-accounts.ts';

/** Each change waits for a replica's acknowledgement. */
const timeoutMs = 10_000;
/** ER_ACCESS_DENIED_ERROR: a database that was made before there was a keeper. */
const accessDenied = 1045;

/** As much of a member as this takes. */
type Member = Pick<DatabaseMember, 'log'> & {
  readonly config: Pick<
    DatabaseMember['config'],
    'socket' | 'passwordsFile' | 'accounts' | 'applicationAccount' | 'schema' | 'members'
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

  /**
   * Undefined when all is as it should be; otherwise what is in the way, for the operator. Only on the primary. `counted`:
   * members that etcd counts among those that may acknowledge.
   */
  async keep(counted: readonly string[]): Promise<string | undefined> {
    const { statements: accounts, taken } = await this.#changes();
    const statements = [...accounts, ...(await this.#replicationChanges(counted))];
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

  /** A member that has joined since the database was made has no account yet, and one that was taken out has one too many. */
  async #replicationChanges(counted: readonly string[]): Promise<readonly string[]> {
    const { config } = this.#member;
    const sql = `SELECT User AS name FROM mysql.global_priv WHERE Host = '%' AND User LIKE '${replicationAccountPattern}'`;
    const rows = (await this.#connection.rows(sql)) as unknown as readonly { readonly name: string }[];
    const changes = replicationAccountChanges({
      present: rows.map(({ name }) => name),
      members: config.members.map(({ name }) => name),
      counted,
      password: (await readPasswords(config.passwordsFile)).replication,
    });
    if (changes.some((statement) => statement.startsWith('GRANT'))) await this.#mayGrantReplication();
    return changes;
  }

  /** The keeper of a database that was made before members could join has to be allowed to. */
  async #mayGrantReplication(): Promise<void> {
    const grants = (await this.#connection.rows('SHOW GRANTS')) as unknown as readonly Record<
      string,
      string
    >[];
    if (grants.some((row) => Object.values(row).some((text) => text.includes('REPLICATION SLAVE')))) return;
    const { config } = this.#member;
    const { agent } = await readPasswords(config.passwordsFile);
    await runAsRoot(config.socket, `${keeperSql(config.schema, agent).join('\n')}\n`);
    // What a session may do was decided when it began.
    this.#connection.close();
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
