/**
 * From what a stack file says to a `Spec`, or to every problem of it at once: the schema's own and those across keys.
 */
import { closest } from 'fastest-levenshtein';
import type { z } from 'zod';
import type { Issue } from '#src/std/errors.ts';
import { resolveAddresses } from './addresses.ts';
import { checkRules } from './rules.ts';
import { type ParsedStack, stackSchema } from './schema.ts';
import type { HostSpec, Spec } from './spec.ts';

export type ParseResult =
  | { readonly ok: true; readonly spec: Spec; readonly warnings: readonly Issue[] }
  | { readonly ok: false; readonly issues: readonly Issue[] };

export function parseStack(input: unknown): ParseResult {
  const parsed = stackSchema.safeParse(input);
  if (!parsed.success)
    return { ok: false, issues: parsed.error.issues.flatMap((issue) => describe(issue, input)) };
  const spec = resolve(parsed.data);
  const { errors, warnings } = checkRules(parsed.data, spec);
  return errors.length > 0 ? { ok: false, issues: errors } : { ok: true, spec, warnings };
}

function resolve(parsed: ParsedStack): Spec {
  const { gateway, hosts, floating } = resolveAddresses(parsed);
  const names = Object.keys(parsed.hosts);
  return {
    ...parsed,
    hosts: names.map((name, index): HostSpec => {
      const host = parsed.hosts[name] as ParsedStack['hosts'][string];
      return { name, address: hosts[index] ?? '', roles: host.roles, weight: host.weight, ssh: host.ssh };
    }),
    site: {
      ...parsed.site,
      addresses: floating,
      domain: parsed.site.domain ?? `${parsed.stack}.internal`,
    },
    network: { ...parsed.network, gateway, operators: parsed.network.operators ?? [gateway] },
  };
}

type SchemaIssue = z.core.$ZodIssue;

function describe(issue: SchemaIssue, input: unknown): readonly Issue[] {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path, input);
    return issue.keys.map((key) => ({
      path: path === '' ? key : `${path}.${key}`,
      message: 'is not a key that Tandem knows',
      hint:
        known.length === 0
          ? 'Remove it.'
          : `Did you mean '${closest(key, known)}'? Known: ${known.join(', ')}.`,
    }));
  }
  const value = valueAt(input, issue.path);
  const missing = value === undefined && issue.code === 'invalid_type';
  return [
    {
      path: path === '' ? 'the file' : path,
      message: missing ? 'is missing' : issue.message,
      ...(value === undefined || typeof value === 'object'
        ? {}
        : { hint: `It is now: ${JSON.stringify(value)}` }),
    },
  ];
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    input,
  );
}

interface SchemaNode {
  readonly shape?: Record<string, SchemaNode>;
  readonly def?: { readonly innerType?: SchemaNode; readonly valueType?: SchemaNode };
}

/** The keys that the schema has where `path` leads; defaults and records are looked through. */
function knownKeys(path: readonly PropertyKey[], _input: unknown): readonly string[] {
  let node: SchemaNode | undefined = stackSchema as unknown as SchemaNode;
  for (const key of path) {
    node = unwrap(node);
    node = node?.shape?.[String(key)] ?? node?.def?.valueType;
  }
  return Object.keys(unwrap(node)?.shape ?? {});
}

function unwrap(node: SchemaNode | undefined): SchemaNode | undefined {
  let inner = node;
  while (inner !== undefined && inner.shape === undefined && inner.def?.innerType !== undefined) {
    inner = inner.def.innerType;
  }
  return inner;
}
