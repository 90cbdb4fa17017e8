/** The schema as data (JSON Schema): for editors, the reference page, and errors that name what would be right. */
import { z } from 'zod';
import { stackSchema } from './schema.ts';

export interface SchemaNode {
  readonly type?: string;
  /** How to call a value of this kind where `type` says too little: "an IPv4 address". */
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  /** False for a closed mapping, a node for one with names of the user's own. */
  readonly additionalProperties?: boolean | SchemaNode;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

let cached: SchemaNode | undefined;

/** JSON Schema (draft 2020-12) of what a user writes. */
export function stackJsonSchema(): SchemaNode {
  cached ??= withoutSafeIntegers(z.toJSONSchema(stackSchema, { io: 'input' })) as SchemaNode;
  return cached;
}

/** The part of the schema that describes the value at `path`; undefined where the schema knows nothing. */
export function nodeAt(path: readonly PropertyKey[]): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>((node, key) => child(node, key), stackJsonSchema());
}

function child(node: SchemaNode | undefined, key: PropertyKey): SchemaNode | undefined {
  if (node === undefined) return undefined;
  if (typeof key === 'number') return node.items;
  const name = String(key);
  if (node.properties !== undefined && Object.hasOwn(node.properties, name)) return node.properties[name];
  if (typeof node.additionalProperties === 'object') return node.additionalProperties;
  return node.anyOf?.map((option) => child(option, key)).find((found) => found !== undefined);
}

export function knownKeys(node: SchemaNode | undefined): readonly string[] {
  return [
    ...Object.keys(node?.properties ?? {}),
    ...(node?.anyOf ?? []).flatMap((option) => Object.keys(option.properties ?? {})),
  ];
}

/** Paths of every key of the schema, with `*` for names of the user's own: "web.app.healthPath", "hosts.*.roles". */
export function allKeyPaths(node = stackJsonSchema(), prefix: readonly string[] = []): readonly string[][] {
  const own = Object.entries(node.properties ?? {}).map(([key, value]) => ({
    path: [...prefix, key],
    value,
  }));
  const named =
    typeof node.additionalProperties === 'object' && node.additionalProperties.properties !== undefined
      ? [{ path: [...prefix, '*'], value: node.additionalProperties }]
      : [];
  const options = (node.anyOf ?? []).flatMap((option) => allKeyPaths(option, prefix));
  return [
    ...[...own, ...named].flatMap(({ path, value }) => [path, ...allKeyPaths(value, path)]),
    ...options,
  ];
}

/** What a value should be, in words: "a whole number from 1 to 64", "one of allow, deny". */
export function typeText(node: SchemaNode | undefined): string {
  if (node === undefined) return 'something else';
  if (node.anyOf !== undefined) return node.anyOf.map(typeText).join(' or ');
  if (node.enum !== undefined) return `one of ${node.enum.join(', ')}`;
  if (node.const !== undefined) return `'${String(node.const)}'`;
  if (node.title !== undefined) return node.title;
  switch (node.type) {
    case 'integer':
    case 'number':
      return numberText(node);
    case 'string':
      return 'text';
    case 'boolean':
      return 'true or false';
    case 'array':
      return node.items === undefined ? 'a list' : listText(typeText(node.items));
    default:
      return node.required === undefined ? 'a mapping' : `a mapping with ${node.required.join(' and ')}`;
  }
}

function listText(item: string): string {
  return item === 'text' ? 'a list of text' : `a list (each ${item})`;
}

function numberText(node: SchemaNode): string {
  const kind = node.type === 'integer' ? 'a whole number' : 'a number';
  if (node.minimum !== undefined && node.maximum !== undefined)
    return `${kind} from ${node.minimum} to ${node.maximum}`;
  return node.minimum === undefined ? kind : `${kind} of at least ${node.minimum}`;
}

/** zod bounds every integer by what a double holds exactly; a reader of the schema needs no such bound. */
function withoutSafeIntegers(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(withoutSafeIntegers);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).filter(
    ([, value]) => Math.abs(Number(value)) !== Number.MAX_SAFE_INTEGER,
  );
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutSafeIntegers(value)]));
}
