/** Takes a stack's secrets out of text: those that this machine knows, and what looks like one. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { materialPaths } from '../material/paths.ts';

export interface Secret {
  /** What stands in its place, such as "password of the application". */
  readonly name: string;
  readonly text: string;
}

/** Shorter texts would be found by chance, and are no secret of Tandem's. */
const leastLength = 12;

/** Every secret below the state directory, each in the forms in which it may be written. */
export async function knownSecrets(stateDirectory: string): Promise<readonly Secret[]> {
  const { directory, secrets } = materialPaths(stateDirectory);
  const { passwords } = JSON.parse(await readFile(secrets, 'utf8')) as { passwords: Record<string, string> };
  const keys = (await readdir(directory)).filter((name) => name.endsWith('.key'));
  const keyTexts = await Promise.all(
    keys.map(async (name) => [name, await readFile(join(directory, name), 'utf8')] as const),
  );
  return [
    ...Object.entries(passwords).flatMap(([name, password]) =>
      forms(password).map((text) => ({ name: `password of ${name}`, text })),
    ),
    ...keyTexts.flatMap(([name, pem]) =>
      pem
        .split('\n')
        // A short last line holds little, and is found with its block by the pattern for keys.
        .filter((line) => !line.startsWith('-----') && line.length >= 24)
        .map((text) => ({ name: `private key ${name}`, text })),
    ),
  ];
}

function forms(password: string): readonly string[] {
  const all = [password, encodeURIComponent(password), Buffer.from(password).toString('base64')];
  return [...new Set(all)].filter((text) => text.length >= leastLength);
}

const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(-----END \1-----|$)/g, '[private key]'],
  // user:password@ of an address.
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s@/]+@/gi, '$1[password]@'],
  [/((?:password|passwd|secret|token|api[_-]?key)["']?\s*[:=]\s*["']?)[^\s"',;]{4,}/gi, '$1[secret]'],
  [/((?:authorization|cookie)["']?\s*:\s*)[^\r\n]+/gi, '$1[secret]'],
];

export function redact(text: string, secrets: readonly Secret[]): string {
  let clean = text;
  for (const { name, text: secret } of secrets) clean = clean.replaceAll(secret, `[${name}]`);
  for (const [pattern, stand] of patterns) clean = clean.replace(pattern, stand);
  return clean;
}

/** Names of the secrets that a text still holds. */
export function secretsIn(text: string, secrets: readonly Secret[]): readonly string[] {
  return [...new Set(secrets.filter((secret) => text.includes(secret.text)).map(({ name }) => name))];
}
