/** What a stack file names on disk, checked in the same go as what it says. */
import { access, constants, readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parsePasswordFile } from '#src/spec/password-file.ts';
import type { Issue } from '#src/std/errors.ts';

interface Named {
  readonly key: string;
  readonly kind: 'directory' | 'file';
}

const named: readonly Named[] = [
  { key: 'web.app.directory', kind: 'directory' },
  { key: 'web.static', kind: 'directory' },
  { key: 'database.schemaFile', kind: 'file' },
  { key: 'site.certificate.certificateFile', kind: 'file' },
  { key: 'site.certificate.keyFile', kind: 'file' },
  { key: 'database.accounts.*.password.file', kind: 'file' },
  { key: 'monitoring.alerts.webhooks.*.bearerTokenFile', kind: 'file' },
  { key: 'monitoring.alerts.email.passwordFile', kind: 'file' },
  { key: 'ssh.configFile', kind: 'file' },
];

/** Works on the raw data, so that a file with other problems has its paths checked too. */
export async function checkNamedFiles(data: unknown, directory: string): Promise<readonly Issue[]> {
  const issues = await Promise.all(
    namedIn(data).map(async ({ key, kind }): Promise<readonly Issue[]> => {
      const value = textAt(data, key);
      if (value === undefined) return [];
      const path = resolve(directory, value);
      const problem = (await problemOf(path, kind)) ?? (await contentProblem(key, path));
      if (problem === undefined) return [];
      const relative = problem.message === 'does not exist' && path !== value;
      const hint = relative ? `Relative paths start at ${directory}.` : problem.hint;
      return [{ path: key, message: `${path} ${problem.message}`, hint }];
    }),
  );
  const found = issues.flat();
  return found.some((issue) => issue.path.startsWith('site.certificate.'))
    ? found
    : [...found, ...(await checkCertificate(data, directory))];
}

/** With every name of the user's own, or place in a list, in the place of `*`. */
function namedIn(data: unknown): readonly Named[] {
  return named.flatMap(({ key, kind }) => {
    const [before = '', after] = key.split('.*');
    const names = after === undefined ? undefined : keysOf(valueAt(data, before));
    return names?.map((name) => ({ key: `${before}.${name}${after}`, kind })) ?? [{ key, kind }];
  });
}

function keysOf(value: unknown): readonly string[] {
  // A name with a dot in it is none: the rules say so.
  const hasKeys = typeof value === 'object' && value !== null;
  return hasKeys ? Object.keys(value).filter((name) => !name.includes('.')) : [];
}

function valueAt(data: unknown, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>(
      (node, name) =>
        typeof node === 'object' && node !== null && Object.hasOwn(node, name)
          ? (node as Record<string, unknown>)[name]
          : undefined,
      data,
    );
}

/** The schema has a word for empty text and for what is no text. */
function textAt(data: unknown, key: string): string | undefined {
  const value = valueAt(data, key);
  return typeof value === 'string' && value !== '' && !value.includes('\0') ? value : undefined;
}

async function problemOf(
  path: string,
  kind: Named['kind'],
): Promise<{ message: string; hint: string } | undefined> {
  const permissions = 'Check the permissions of it and of the directories above.';
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error)
    return found.code === 'EACCES'
      ? { message: 'can not be reached: permission denied', hint: permissions }
      : { message: 'does not exist', hint: 'Check the path.' };
  if (kind === 'directory' ? !found.isDirectory() : !found.isFile())
    return { message: `is not a ${kind}`, hint: `Name a ${kind}.` };
  const rights = kind === 'directory' ? constants.R_OK | constants.X_OK : constants.R_OK;
  return access(path, rights).then(
    () => undefined,
    () => ({ message: 'can not be read: permission denied', hint: permissions }),
  );
}

/** Of a password file; what is in other files is looked at elsewhere. */
async function contentProblem(
  key: string,
  path: string,
): Promise<{ message: string; hint: string } | undefined> {
  if (!key.endsWith('.password.file')) return undefined;
  const parsed = parsePasswordFile(await readFile(path, 'utf8'));
  if ('passwords' in parsed) return undefined;
  return { message: parsed.problem, hint: 'Write the password on the first line.' };
}

async function checkCertificate(data: unknown, directory: string): Promise<readonly Issue[]> {
  const certificateFile = textAt(data, 'site.certificate.certificateFile');
  const keyFile = textAt(data, 'site.certificate.keyFile');
  if (certificateFile === undefined || keyFile === undefined) return [];
  const domain = textAt(data, 'site.domain') ?? `${textAt(data, 'stack') ?? 'stack'}.internal`;
  const [certificate, key] = await Promise.all(
    [certificateFile, keyFile].map((file) => readFile(resolve(directory, file), 'utf8')),
  );
  const { userCertificateProblems } = await import('./tls/inspect.ts');
  const pair = { certificate: certificate ?? '', key: key ?? '' };
  return userCertificateProblems(pair, domain, Date.now()).map((problem) => ({
    path: `site.certificate.${problem.file}File`,
    message: `${resolve(directory, problem.file === 'key' ? keyFile : certificateFile)} ${problem.message}`,
    hint: problem.hint,
  }));
}
