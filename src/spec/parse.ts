/**
 * From what a stack file says to a `Spec`, or to every problem of it at once: the schema's own and those across keys.
 */
import type { Issue } from '#src/std/errors.ts';
import { resolveAddresses } from './addresses.ts';
import { describeIssue } from './describe.ts';
import { checkRules, type RuleResult } from './rules.ts';
import { copyOf, type Path, repair } from './salvage.ts';
import { type ParsedStack, stackSchema } from './schema.ts';
import type { HostSpec, Spec } from './spec.ts';

export type ParseResult =
  | { readonly ok: true; readonly spec: Spec; readonly warnings: readonly Issue[] }
  | { readonly ok: false; readonly issues: readonly Issue[] };

/** `input`: the file's content as data (from YAML, or a TypeScript module's default export). Never throws. */
export function parseStack(input: unknown): ParseResult {
  const hidden = hiddenKeys(input);
  const parsed = stackSchema.safeParse(input);
  if (parsed.success && hidden.length === 0) {
    const spec = resolve(parsed.data);
    const { errors, warnings } = checkRules(parsed.data, spec, []);
    return errors.length > 0 ? { ok: false, issues: errors } : { ok: true, spec, warnings };
  }
  const issues = parsed.success ? [] : parsed.error.issues.flatMap((issue) => describeIssue(issue, input));
  return { ok: false, issues: [...hidden, ...issues, ...rulesOnTheRest(input).errors] };
}

/** What the rules say about those parts of a file that are well formed. */
function rulesOnTheRest(input: unknown): RuleResult {
  const draft = copyOf(input);
  const tainted: Path[] = [];
  // One round is enough for all but an issue that hid another one of the same value.
  for (let round = 0; round < 3; round++) {
    const parsed = stackSchema.safeParse(draft);
    if (parsed.success) return checkRules(parsed.data, resolve(parsed.data), tainted);
    tainted.push(...repair(draft, parsed.error.issues));
  }
  return { errors: [], warnings: [] };
}

/** A key that JavaScript treats as no key: schemas skip it, so it would vanish without a word. */
function hiddenKeys(input: unknown, path: readonly string[] = []): readonly Issue[] {
  if (typeof input !== 'object' || input === null || path.length > 4) return [];
  return Object.entries(input).flatMap(([key, value]) =>
    key === '__proto__'
      ? [
          {
            path: [...path, key].join('.'),
            message: 'is not a name that can be used',
            hint: 'Choose another.',
          },
        ]
      : hiddenKeys(value, [...path, key]),
  );
}

function resolve(parsed: ParsedStack): Spec {
  const { gateway, hosts, floating, operators } = resolveAddresses(parsed);
  return {
    ...parsed,
    hosts: Object.entries(parsed.hosts).map(([name, host], index): HostSpec => {
      const { roles, weight, ssh } = host;
      return { name, address: hosts[index] ?? '', roles, weight, ssh, interface: host.interface };
    }),
    site: {
      ...parsed.site,
      addresses: floating,
      domain: parsed.site.domain ?? `${parsed.stack}.internal`,
    },
    network: { ...parsed.network, gateway, operators },
  };
}
