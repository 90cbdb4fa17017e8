/** Takes a stack's secrets out of text: those that this machine knows, and what looks like one. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Material } from '#src/render/context.ts';
import { materialPaths } from '../material/paths.ts';

export interface Secret {
  /** What stands in its place, such as "password of the application". */
  readonly name: string;
  readonly text: string;
}

/** The user's own may be of any length: shorter texts are everywhere. */
const leastLength = 4;
/** Shorter texts are found by chance in others: they are looked for as whole words. */
const distinctLength = 12;

/** What a stack is made with that is not below its state directory: secrets in files that the stack file names. */
export type NamedSecrets = Pick<Material, 'accounts' | 'receivers' | 'site'>;

/** Every secret below the state directory and in `named`, each in the forms in which it may be written. */
export async function knownSecrets(stateDirectory: string, named?: NamedSecrets): Promise<readonly Secret[]> {
  const { directory, secrets } = materialPaths(stateDirectory);
  const { stackId: _identity, ...kept } = JSON.parse(await readFile(secrets, 'utf8')) as Record<
    string,
    unknown
  >;
  const keys = (await readdir(directory)).filter((name) => name.endsWith('.key'));
  const keyTexts = await Promise.all(
    keys.map(async (name) => [name, await readFile(join(directory, name), 'utf8')] as const),
  );
  const words = [...textsIn(kept), ...textsIn({ accounts: named?.accounts, receivers: named?.receivers })];
  return [
    ...words.flatMap(([path, word]) => forms(word).map((text) => ({ name: `secret ${path}`, text }))),
    ...[...keyTexts, ['site', named?.site.key ?? ''] as const].flatMap(([name, pem]) =>
      pem
        .split('\n')
        // A short last line holds little, and is found with its block by the pattern for keys.
        .filter((line) => !line.startsWith('-----') && line.length >= 24)
        .map((text) => ({ name: `private key ${name}`, text })),
    ),
  ];
}

/** Every text in a value, with the path to it. */
function textsIn(value: unknown, path = ''): readonly (readonly [string, string])[] {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => textsIn(each, path === '' ? key : `${path}.${key}`));
}

function forms(password: string): readonly string[] {
  const all = [
    password,
    encodeURIComponent(password),
    JSON.stringify(password).slice(1, -1),
    Buffer.from(password).toString('base64'),
  ];
  return [...new Set(all)].filter((text) => text.length >= leastLength);
}

const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(-----END \1-----|$)/g, '[private key]'],
  // user:password@ of an address.
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s@/]+@/gi, '$1[password]@'],
  [/((?:password|passwd|secret|token|api[_-]?key)["']?\s*[:=]\s*["']?)[^\s"',;]{4,}/gi, '$1[secret]'],
  [/((?:authorization|cookie)["']?\s*:\s*)[^\r\n]+/gi, '$1[secret]'],
];

const isDistinct = ({ text }: Secret): boolean => text.length >= distinctLength;

export function redact(text: string, secrets: readonly Secret[]): string {
  let clean = text;
  for (const { name, text: secret } of secrets.filter(isDistinct))
    clean = clean.replaceAll(secret, `[${name}]`);
  for (const [pattern, stand] of patterns) clean = clean.replace(pattern, stand);
  const words = new Map(secrets.map((secret) => [secret.text, secret.name]));
  return clean.replace(wordsOf(secrets), (found, word: string | undefined) =>
    word === undefined ? found : `[${words.get(word)}]`,
  );
}

/** Names of the secrets that a text still holds. */
export function secretsIn(text: string, secrets: readonly Secret[]): readonly string[] {
  const words = new Set([...text.matchAll(wordsOf(secrets))].map(([, word]) => word));
  const left = secrets.filter((secret) =>
    isDistinct(secret) ? text.includes(secret.text) : words.has(secret.text),
  );
  return [...new Set(left.map(({ name }) => name))];
}

/**
 * Finds short secrets, as its group. What stands for secrets it finds whole, without the group: a password may be
 * `password`.
 */
function wordsOf(secrets: readonly Secret[]): RegExp {
  const short = secrets.filter((secret) => !isDistinct(secret)).map(({ text }) => text);
  if (short.length === 0) return /(?!)/g;
  const stands = [...secrets.map(({ name }) => `[${name}]`), '[private key]', '[password]', '[secret]'];
  // Of two that begin alike the longer one.
  const words = short.toSorted((left, right) => right.length - left.length).map(asWord);
  return new RegExp(`${[...new Set(stands)].map(literal).join('|')}|(${words.join('|')})`, 'gu');
}

/** Not within a longer word; a mark at an end of it stands out by itself. */
function asWord(text: string): string {
  const before = /^[\p{L}\p{N}]/u.test(text) ? '(?<![\\p{L}\\p{N}])' : '';
  const after = /[\p{L}\p{N}]$/u.test(text) ? '(?![\\p{L}\\p{N}])' : '';
  return `${before}${literal(text)}${after}`;
}

const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
