/** From what zod reports to issues that say where, what, and what to write instead. */
import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import type { Issue } from '#src/std/errors.ts';
import { allKeyPaths, knownKeys, nodeAt, type SchemaNode, typeText } from './json-schema.ts';

export type SchemaIssue = z.core.$ZodIssue;

export function pathText(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'the file' : path.map(String).join('.');
}

export function describeIssue(issue: SchemaIssue, input: unknown): readonly Issue[] {
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(issue.path, key));
    case 'invalid_key':
      return [{ path: pathText(issue.path), message: issue.issues[0]?.message ?? 'is not a good name' }];
    case 'invalid_union':
      return describeUnion(issue, input);
    default:
      return [describeValue(issue, valueAt(input, issue.path))];
  }
}

/** A mapping was meant as the option that takes mappings: then what is wrong inside it says more than "neither". */
function describeUnion(
  issue: Extract<SchemaIssue, { code: 'invalid_union' }>,
  input: unknown,
): readonly Issue[] {
  const value = valueAt(input, issue.path);
  const inside = isMapping(value)
    ? issue.errors.find((errors) =>
        errors.some((error) => error.path.length > 0 || error.code === 'unrecognized_keys'),
      )
    : undefined;
  if (inside === undefined) return [describeValue(issue, value)];
  return inside.flatMap((error) =>
    describeIssue({ ...error, path: [...issue.path, ...error.path] } as SchemaIssue, input),
  );
}

function describeValue(issue: SchemaIssue, value: unknown): Issue {
  const node = nodeAt(issue.path);
  const path = pathText(issue.path);
  if (value === undefined) return { path, message: `is missing: it should be ${typeText(node)}` };
  // Checks of the schema with a text of their own begin with "should"; zod's do not.
  const wanted =
    issue.message.startsWith('should') && issue.code !== 'invalid_type'
      ? issue.message
      : `should be ${sizeText(issue) ?? typeText(node)}`;
  const hint = valueHint(node, value);
  // Checks of our own name the value where that reads better.
  const silent =
    isPrivate(issue.path) ||
    (issue.code === 'custom' && typeof value === 'string' && value !== '' && wanted.includes(value));
  return {
    path,
    message: silent ? wanted : `${wanted}, not ${valueText(value)}`,
    ...(hint === undefined ? {} : { hint }),
  };
}

function sizeText(issue: SchemaIssue): string | undefined {
  if (issue.code === 'too_small' && issue.origin === 'string')
    return `text of at least ${issue.minimum} characters`;
  if (issue.code === 'too_big' && issue.origin === 'string')
    return `text of at most ${issue.maximum} characters`;
  return undefined;
}

function valueHint(node: SchemaNode | undefined, value: unknown): string | undefined {
  const words = [...(node?.enum ?? []), ...(node?.anyOf ?? []).map((option) => option.const)];
  if (words.some((word) => word !== undefined) && typeof value === 'string') {
    const near = nearest(value, words.filter((word) => word !== undefined).map(String));
    return near === undefined ? undefined : `Did you mean '${near}'?`;
  }
  if (node?.type === 'string' && (typeof value === 'number' || typeof value === 'boolean'))
    return 'Write it in quotes.';
  if (node?.type === 'array' && typeof value === 'string') return `Write it in brackets: [${value}].`;
  if (/^(?:integer|number)$/.test(node?.type ?? '') && typeof value === 'string' && /^\d+$/.test(value))
    return 'Write it without quotes.';
  return undefined;
}

/** The known key at `path` that an unknown one is most likely a slip of. */
export function meantKey(path: readonly PropertyKey[], key: string): string | undefined {
  return nearest(key, knownKeys(nodeAt(path)));
}

function unknownKey(path: readonly PropertyKey[], key: string): Issue {
  const here = knownKeys(nodeAt(path));
  const near = meantKey(path, key);
  const elsewhere = allKeyPaths()
    .filter((known) => known.at(-1) === key)
    .map((known) => known.join('.'));
  const hint =
    elsewhere.length === 1
      ? `It belongs elsewhere: ${elsewhere[0]}.`
      : near === undefined
        ? `Known here: ${here.join(', ')}.`
        : `Did you mean '${near}'?`;
  return { path: pathText([...path, key]), message: 'is not a key that Tandem knows', hint };
}

/** The known word that `word` is most likely a slip of; undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  const ranked = known
    .map((candidate) => ({ candidate, away: distance(plain(word), plain(candidate)) }))
    .sort((left, right) => left.away - right.away);
  const best = ranked[0];
  return best !== undefined && best.away <= Math.max(2, Math.floor(best.candidate.length / 3))
    ? best.candidate
    : undefined;
}

/** Environment and server variables may hold what is nobody's business, whatever the reference says. */
function isPrivate(path: readonly PropertyKey[]): boolean {
  return path.includes('environment') || path.includes('settings') || path.includes('password');
}

function valueText(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  switch (typeof value) {
    case 'object':
      return 'a mapping';
    case 'string':
      return value.length > 60 ? `text of ${value.length} characters` : `'${value}'`;
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value);
    default:
      return `a ${typeof value}`;
  }
}

function isMapping(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    input,
  );
}
