/** `tandem dashboard`: where it is, who may log in, passwords, and tokens for its API. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { sha256 } from '#src/adapters/sha256.ts';
import { generatePassword, hashPassword } from '#src/dashboard/server/passwords.ts';
import { changeAccess, readAccess } from '#src/provision/dashboard-access.ts';
import type { Stack } from '#src/provision/stack.ts';
import { dashboardUrl } from '#src/render/dashboard.ts';
import { inputError, TandemError } from '#src/std/errors.ts';
import { parseDuration } from './firewall.ts';
import { openStack } from './open.ts';
import { print, table } from './output.ts';

const leastPasswordLength = 12;
const dayMs = 86_400_000;

export function register(program: Command): void {
  const dashboard = program
    .command('dashboard')
    .description('the live dashboard: its address, its operators, their passwords')
    .option('--open', 'open it in a browser')
    .action(async (options: { open?: boolean }, self: Command) => {
      const stack = await openStack(self);
      await show(stack);
      if (options.open === true) openBrowser(dashboardUrl(stack.spec));
    });
  dashboard
    .command('passwd')
    .description('give an operator of the stack file a new password, which ends their sessions; printed once')
    .argument('<name>')
    .option('--stdin', 'read it from standard input instead of making one')
    .action(async (name: string, options: { stdin?: boolean }, self: Command) => {
      const stack = await openStack(self);
      assertOperator(stack, name);
      const password = options.stdin === true ? await readPassword() : generatePassword();
      const access = await readAccess(stack);
      const passwords = { ...access.passwords, [name]: await hashPassword(password) };
      await changeAccess(stack, { ...access, passwords });
      print(options.stdin === true ? `${name} has the new password.` : `${name} logs in with ${password}`);
    });
  registerTokens(dashboard);
}

function registerTokens(dashboard: Command): void {
  const token = dashboard.command('token').description("tokens for the dashboard's API");
  token
    .command('create')
    .description('make one and print it, once')
    .argument('<name>', 'what it is for; stands in the record of acts')
    .option('--scope <scope>', 'read, or act (reads too)', 'read')
    .option('--for <duration>', 'such as 12h, 30d', '30d')
    .action(async (name: string, options: { scope: string; for: string }, self: Command) => {
      const { scope } = options;
      if (!/^[a-z0-9._-]{1,32}$/.test(name))
        throw badToken('name', 'should be 1 to 32 of a-z, 0-9, dot, dash, underscore');
      if (scope !== 'read' && scope !== 'act')
        throw badToken('--scope', `should be read or act, not ${scope}`);
      const stack = await openStack(self);
      const access = await readAccess(stack);
      if (access.tokens.some((known) => known.name === name))
        throw badToken('name', `'${name}' is there already; revoke it first`);
      const secret = `tandem_${randomBytes(32).toString('base64url')}`;
      const added = {
        id: randomBytes(4).toString('hex'),
        hash: sha256(secret),
        name,
        scope,
        untilMs: Date.now() + parseDuration(options.for),
      } as const;
      const alive = access.tokens.filter(({ untilMs }) => untilMs > Date.now() - 30 * dayMs);
      await changeAccess(stack, { ...access, tokens: [...alive, added] });
      print(secret);
    });
  token
    .command('list')
    .description('names, scopes and when they end; never the tokens themselves')
    .action(async (_options: unknown, self: Command) => {
      const { tokens } = await readAccess(await openStack(self));
      if (tokens.length === 0) return print('There are none.');
      const rows = tokens.map(({ name, scope, untilMs }) => [name, scope, new Date(untilMs).toISOString()]);
      print(table(['name', 'scope', 'until'], rows));
    });
  token
    .command('revoke')
    .description('from now on it opens nothing')
    .argument('<name>')
    .action(async (name: string, _options: unknown, self: Command) => {
      const stack = await openStack(self);
      const access = await readAccess(stack);
      const tokens = access.tokens.filter((known) => known.name !== name);
      if (tokens.length === access.tokens.length) throw badToken('name', `there is no token '${name}'`);
      await changeAccess(stack, { ...access, tokens });
      print(`'${name}' opens nothing any more.`);
    });
}

function badToken(path: string, message: string): TandemError {
  return inputError('bad-token', 'The token was not changed.', [{ path, message }]);
}

/** For operators that have none yet: by name, made, kept, and told to the balancers. */
export async function firstPasswords(stack: Stack): Promise<ReadonlyMap<string, string>> {
  const access = await readAccess(stack);
  const names = stack.spec.dashboard.operators.map(({ name }) => name);
  const missing = names.filter((name) => !Object.hasOwn(access.passwords, name));
  const made = new Map(missing.map((name) => [name, generatePassword()]));
  if (made.size === 0) return made;
  const passwords: Record<string, string> = { ...access.passwords };
  for (const [name, password] of made) passwords[name] = await hashPassword(password);
  await changeAccess(stack, { ...access, passwords });
  return made;
}

async function show(stack: Stack): Promise<void> {
  const { passwords, tokens } = await readAccess(stack);
  print(dashboardUrl(stack.spec));
  print(`  its certificate is signed by ${stack.caFile}: let your browser trust that file`);
  print(`  reached from ${stack.spec.network.operators.join(', ')} (network.operators)\n`);
  const rows = stack.spec.dashboard.operators.map(({ name, role }) => [
    name,
    role,
    Object.hasOwn(passwords, name) ? 'has a password' : "none: 'tandem up' makes one",
  ]);
  print(table(['operator', 'role', 'password'], rows));
  if (tokens.length > 0) print(`\n${tokens.length} token(s): tandem dashboard token list`);
  print("\nForgotten? 'tandem dashboard passwd NAME' makes a new password.");
}

function assertOperator(stack: Stack, name: string): void {
  const names = stack.spec.dashboard.operators.map((operator) => operator.name);
  if (names.includes(name)) return;
  throw new TandemError('unknown-operator', `'${name}' is no operator of this stack.`, {
    kind: 'input',
    hint: `Operators are in the stack file (dashboard.operators): ${names.join(', ')}.`,
  });
}

async function readPassword(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  const password = Buffer.concat(parts)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (password.length >= leastPasswordLength && password.length <= 256) return password;
  throw new TandemError('weak-password', `A password has ${leastPasswordLength} to 256 characters.`, {
    kind: 'input',
  });
}

/** Where there is no desktop nothing opens, which is said. */
function openBrowser(url: string): void {
  const child = spawn('xdg-open', [url], { stdio: 'ignore', detached: true });
  child.on('error', () => print('There is no xdg-open here: open the address by hand.'));
  child.unref();
}
