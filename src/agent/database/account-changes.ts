/** What has to be said to the primary so that its accounts are those of the stack file: a pure function of both. */
import { createHash } from 'node:crypto';
import { quote, quoteName } from '#src/adapters/mariadb/dialect.ts';
import type { AccountPrivileges } from '#src/spec/schema/database.ts';

export interface WantedAccount {
  readonly name: string;
  readonly privileges: AccountPrivileges;
  readonly password: string;
}

/** An account of the server, `@'%'`. */
export interface ServerAccount {
  readonly name: string;
  /** As mysql_native_password keeps it; null for another plugin. */
  readonly hash: string | null;
}

/** A row of `tandem.account`: an account that was made for the stack file, with what it was granted (or '' before that). */
export interface KeptAccount {
  readonly name: string;
  readonly privileges: string;
}

export interface AccountChanges {
  /** In order; each may be repeated, and what an interruption leaves is completed by the next look. */
  readonly statements: readonly string[];
  /** Names of the stack file that somebody else's accounts have. */
  readonly taken: readonly string[];
}

/** Nothing global: an account with global privileges could write on a replica. */
const grants: Readonly<Record<AccountPrivileges, string>> = {
  read: 'SELECT, SHOW VIEW',
  write: 'SELECT, INSERT, UPDATE, DELETE, EXECUTE, SHOW VIEW, CREATE TEMPORARY TABLES, LOCK TABLES',
  all: 'ALL PRIVILEGES',
};

export interface AccountsSeen {
  readonly server: readonly ServerAccount[];
  readonly kept: readonly KeptAccount[];
}

/** `application`: made with the database; only its password is looked after. */
export function accountChanges(
  wanted: readonly WantedAccount[],
  application: Pick<WantedAccount, 'name' | 'password'>,
  seen: AccountsSeen,
  schema: string,
): AccountChanges {
  const onServer = new Map(seen.server.map((account) => [account.name, account]));
  const kept = new Map(seen.kept.map((account) => [account.name, account]));
  const taken = wanted.filter(({ name }) => onServer.has(name) && !kept.has(name)).map(({ name }) => name);
  const gone = seen.kept.filter(({ name }) => !wanted.some((account) => account.name === name));
  return {
    taken,
    statements: [
      ...(onServer.get(application.name)?.hash === nativeHash(application.password)
        ? []
        : [`ALTER USER IF EXISTS ${userOf(application.name)} IDENTIFIED BY ${quote(application.password)}`]),
      ...gone.flatMap(({ name }) => [
        `DROP USER IF EXISTS ${userOf(name)}`,
        `DELETE FROM tandem.account WHERE name = ${quote(name)}`,
      ]),
      ...wanted
        .filter(({ name }) => !taken.includes(name))
        .flatMap((account) => changesOf(account, onServer.get(account.name), kept.get(account.name), schema)),
    ],
  };
}

function changesOf(
  { name, privileges, password }: WantedAccount,
  onServer: ServerAccount | undefined,
  kept: KeptAccount | undefined,
  schema: string,
): readonly string[] {
  const user = userOf(name);
  const identified = `${user} IDENTIFIED BY ${quote(password)} REQUIRE SSL`;
  const remember = (granted: string) =>
    `REPLACE INTO tandem.account (name, privileges) VALUES (${quote(name)}, ${quote(granted)})`;
  const isNew = onServer === undefined;
  return [
    // First of all that it is ours: an account that is there and isn't ours is never touched.
    ...(kept === undefined ? [remember('')] : []),
    ...(isNew ? [`CREATE USER IF NOT EXISTS ${identified}`] : []),
    ...(!isNew && onServer.hash !== nativeHash(password) ? [`ALTER USER ${identified}`] : []),
    ...(!isNew && kept?.privileges === privileges
      ? []
      : [
          `REVOKE ALL PRIVILEGES, GRANT OPTION FROM ${user}`,
          `GRANT ${grants[privileges]} ON ${quoteName(schema)}.* TO ${user}`,
          remember(privileges),
        ]),
  ];
}

const userOf = (name: string): string => `${quoteName(name)}@'%'`;

/** As PASSWORD() gives it. */
export function nativeHash(password: string): string {
  const sha1 = (data: string | Buffer) => createHash('sha1').update(data).digest();
  return `*${sha1(sha1(password)).toString('hex').toUpperCase()}`;
}
