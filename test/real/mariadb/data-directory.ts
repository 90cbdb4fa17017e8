/** Data directories of throw-away servers: temporary, the server user's own, made from one template. */

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Password of every account that the template holds. */
export const PASSWORD = 'only-for-tests';

const isRoot = process.getuid?.() === 0;

let template: string | undefined;
const directories = new Set<string>();
process.on('exit', removeDirectories);

/** Removes what is left in the temporary directory, the template included; for `afterAll`. */
export function removeDirectories(): void {
  for (const directory of directories) removeDirectory(directory);
  template = undefined;
}

/** A fresh directory that the server's user owns, removed when the test process exits. */
export function temporaryDirectory(purpose: string): string {
  const directory = mkdtempSync(join(tmpdir(), `tandem-mariadb-${purpose}-`));
  directories.add(directory);
  chmodSync(directory, 0o755);
  giveToServer(directory);
  return directory;
}

/** Makes the server's user the owner of `path`, when this process may. */
export function giveToServer(path: string): void {
  if (!isRoot) return;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'mysql'], { encoding: 'utf8' }));
  chownSync(path, id('-u'), id('-g'));
}

/** Removes one of these directories now. */
export function removeDirectory(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  directories.delete(directory);
}

/** Argument vector that runs `command` as the server's user and has the kernel kill it when this process dies. */
export function asServerUser(command: readonly string[]): string[] {
  const identity = isRoot ? ['--reuid=mysql', '--regid=mysql', '--init-groups'] : [];
  return ['setpriv', '--pdeathsig=KILL', ...identity, ...command];
}

/** One initialised data directory per test process, which every server starts from. */
export function templateDirectory(): string {
  if (template !== undefined) return template;
  const directory = temporaryDirectory('template');
  const accounts = join(directory, 'accounts.sql');
  writeFileSync(accounts, templateAccounts);
  installDatabase(join(directory, 'data'), [`--extra-file=${accounts}`]);
  template = join(directory, 'data');
  return template;
}

/** The bootstrap server runs with --skip-grant-tables; FLUSH PRIVILEGES is what makes CREATE USER work in it. */
const templateAccounts = `
FLUSH PRIVILEGES;
CREATE USER repl@'%' IDENTIFIED BY '${PASSWORD}';
GRANT REPLICATION SLAVE ON *.* TO repl@'%';
CREATE DATABASE test;
`;

/** Runs mariadb-install-db: `root` gets no password, there are no anonymous accounts. */
export function installDatabase(dataDirectory: string, options: readonly string[] = []): void {
  const [program = '', ...args] = asServerUser([
    'mariadb-install-db',
    '--no-defaults',
    `--datadir=${dataDirectory}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    '--skip-name-resolve',
    '--innodb-log-file-size=4M',
    ...options,
  ]);
  execFileSync(program, args, { stdio: 'pipe' });
}
