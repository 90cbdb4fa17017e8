/** Statements to a lab's MariaDB servers with MariaDB's own client, as an operator would send them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mariadbPaths } from '#src/render/mariadb.ts';
import type { CommandOutput } from './command.ts';
import type { Lab } from './lab.ts';

export interface Account {
  readonly user: string;
  readonly password: string;
}

/** Accounts of the stack, from its secrets. */
export async function accountsOf(
  lab: Lab,
): Promise<{ application: Account; replication: Account; schema: string }> {
  const text = await readFile(join(await lab.stateDirectory(), 'material/secrets.json'), 'utf8');
  const { passwords } = JSON.parse(text) as { passwords: { application: string; replication: string } };
  const schema = lab.stack.database?.schema ?? 'app';
  return {
    schema,
    application: { user: schema, password: passwords.application },
    replication: { user: 'tandem_replication_server-2', password: passwords.replication },
  };
}

/** Runs SQL over TCP from one host to a server's address; `tls: false` refuses to speak TLS. */
export function query(
  lab: Lab,
  from: string,
  server: string,
  account: Account,
  sql: string,
  options: { tls?: boolean } = {},
): Promise<CommandOutput> {
  const security = options.tls === false ? ['--skip-ssl'] : ['--ssl', '--ssl-ca=/etc/tandem/tls/ca.pem'];
  return lab.exec(
    from,
    'env',
    `MYSQL_PWD=${account.password}`,
    'mariadb',
    '--no-defaults',
    '--protocol=tcp',
    `--host=${server}`,
    `--user=${account.user}`,
    '--connect-timeout=5',
    '--batch',
    '--skip-column-names',
    ...security,
    `--execute=${sql}`,
  );
}

/** Runs SQL as the machine's root through the server's own socket, inside its host. */
export function queryLocally(lab: Lab, host: string, sql: string): Promise<CommandOutput> {
  const socket = mariadbPaths.socket;
  const words = ['--no-defaults', `--socket=${socket}`, '--batch', '--skip-column-names', `--execute=${sql}`];
  return lab.exec(host, 'mariadb', ...words);
}

/** Host and address of the primary and of the first replica. */
export async function membersOf(lab: Lab) {
  const { database, hosts } = await lab.status();
  const of = (role: string) => {
    const host = database.members.find((member) => member.role === role)?.host;
    const address = hosts.find(({ name }) => name === host)?.address;
    if (host === undefined || address === undefined)
      throw new Error(`no ${role}: ${JSON.stringify(database)}`);
    return { host, address };
  };
  return { primary: of('primary'), replica: of('replica') };
}
