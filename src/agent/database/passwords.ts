/** Passwords of the database accounts, read when they are needed and never kept in log lines or arguments. */
import { readFile } from 'node:fs/promises';

export interface DatabasePasswords {
  readonly replication: string;
  readonly agent: string;
  readonly application: string;
  /** By name, of the stack file's other accounts. */
  readonly accounts: Readonly<Record<string, string>>;
}

export async function readPasswords(path: string): Promise<DatabasePasswords> {
  let found: Partial<DatabasePasswords>;
  try {
    found = JSON.parse(await readFile(path, 'utf8')) as Partial<DatabasePasswords>;
  } catch (error) {
    // A JSON error quotes the text.
    const code = (error as NodeJS.ErrnoException).code ?? 'it is not JSON';
    throw new Error(`${path}: the passwords can't be read (${code})`);
  }
  const { replication, agent, application, accounts = {} } = found;
  if (replication === undefined || agent === undefined || application === undefined) {
    throw new Error(`${path}: a password is missing`);
  }
  return { replication, agent, application, accounts };
}
