/** Passwords of accounts that the user has in files: read before anything is changed, all problems at once. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parsePasswordFile } from '#src/spec/password-file.ts';
import type { Spec } from '#src/spec/spec.ts';
import { type Issue, inputError } from '#src/std/errors.ts';

/** By account name, where it has a file. Rejects with an input error that names each by its path. */
export async function readAccountPasswords(
  spec: Spec,
  directory: string,
): Promise<Readonly<Record<string, readonly [string, ...string[]]>>> {
  const found: Record<string, readonly [string, ...string[]]> = {};
  const issues: Issue[] = [];
  for (const [name, { password }] of Object.entries(spec.database.accounts)) {
    if (password === 'generated') continue;
    const file = resolve(directory, password.file);
    const path = `database.accounts.${name}.password.file`;
    try {
      const parsed = parsePasswordFile(await readFile(file, 'utf8'));
      if ('passwords' in parsed) found[name] = parsed.passwords;
      else issues.push({ path, message: `${file} ${parsed.problem}`, hint: 'Write one password on a line.' });
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code ?? 'error';
      issues.push({
        path,
        message: `can't read ${file} (${reason})`,
        hint: 'Give a path relative to the stack file.',
      });
    }
  }
  if (issues.length > 0)
    throw inputError('password-unusable', "An account's password file can't be used.", issues);
  return found;
}
