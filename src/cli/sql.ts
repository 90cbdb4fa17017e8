/** `tandem sql`: the database as the application sees it, through the SQL router of a web host. */
import type { Command } from 'commander';
import { routerClientOptions, routerControlSocket } from '#src/render/router.ts';
import { hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import { codeDirectory, nodeProgram } from '#src/topology/paths.ts';
import { openStack } from './open.ts';

const mariadbClient = '/usr/bin/mariadb';
const hostOption = ['--host <host>', 'a web host (default: the first one)'] as const;

interface SqlOptions {
  readonly host?: string;
  readonly execute?: string;
  readonly account?: string;
  readonly json?: boolean;
}

export function register(program: Command): void {
  const sql = program
    .command('sql')
    .description("open MariaDB's client on the database, through the SQL router of a web host")
    .option(...hostOption)
    .option('--account <name>', "log in as one of database.accounts (default: the application's account)")
    .option('-e, --execute <statement>', 'run this instead of asking')
    .action(async (_options: SqlOptions, self: Command) => {
      const stack = await openStack(self);
      const { host, execute, account } = self.opts<SqlOptions>();
      const options = routerClientOptions(knownAccount(stack.spec, account));
      const words = [mariadbClient, `--defaults-file=${options}`, stack.spec.database.schema];
      process.exitCode = await stack.attach(
        routerHost(stack.spec, host),
        execute === undefined ? words : [...words, '-e', execute],
      );
    });
  sql
    .command('explain')
    .description('say where a statement would go, and why; it is not run')
    .argument('<statement>')
    .option(...hostOption)
    .option('--json', 'as the router answers')
    .action(async (statement: string, _options: SqlOptions, self: Command) => {
      const stack = await openStack(self);
      const { host, json } = self.optsWithGlobals<SqlOptions>();
      const program = `${codeDirectory}/src/bin/router-explain.ts`;
      const question = JSON.stringify({ sql: statement, schema: stack.spec.database.schema });
      process.exitCode = await stack.attach(routerHost(stack.spec, host), [
        nodeProgram,
        program,
        routerControlSocket,
        question,
        ...(json === true ? ['--json'] : []),
      ]);
    });
}

/** The account to log in as; undefined for the application's. Throws when it isn't one of the stack file. */
export function knownAccount({ database }: Spec, asked: string | undefined): string | undefined {
  if (asked === undefined || asked === database.schema) return undefined;
  if (Object.hasOwn(database.accounts, asked)) return asked;
  const names = [database.schema, ...Object.keys(database.accounts)];
  throw new TandemError('unknown-account', `There is no account '${asked}' in this stack.`, {
    kind: 'input',
    hint: `Its accounts are: ${names.join(', ')}.`,
  });
}

/** The host whose router is asked. Throws when that host is no web host. */
export function routerHost(spec: Spec, asked: string | undefined): string {
  const names = hostsWithRole(spec, 'web').map(({ name }) => name);
  const host = asked ?? names[0];
  if (host !== undefined && names.includes(host)) return host;
  throw new TandemError('unknown-host', `There is no web host '${host}' in this stack.`, {
    kind: 'input',
    hint: `SQL routers are on: ${names.join(', ')}.`,
  });
}
