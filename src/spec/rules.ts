/** All rules across keys of the stack file: errors refuse it, warnings do not. */
import type { Issue } from '#src/std/errors.ts';
import type { Rule } from './rule.ts';
import { appErrors, databaseErrors } from './rules-app-database.ts';
import { dashboardErrors } from './rules-dashboard.ts';
import { hostErrors, hostWarnings } from './rules-hosts.ts';
import { monitoringErrors } from './rules-monitoring.ts';
import { networkErrors, networkWarnings } from './rules-network.ts';
import { overlaps, type Path } from './salvage.ts';
import type { ParsedStack } from './schema.ts';
import type { Spec } from './spec.ts';

export interface RuleResult {
  readonly errors: readonly Issue[];
  readonly warnings: readonly Issue[];
}

/** `tainted`: paths at which `parsed` holds stand-ins for what could not be read. */
export function checkRules(parsed: ParsedStack, spec: Spec, tainted: readonly Path[]): RuleResult {
  const run = (rules: readonly Rule[]) =>
    rules
      .filter(({ reads }) => !reads.some((key) => tainted.some((path) => overlaps(path, key.split('.')))))
      .flatMap((rule) => rule.check(parsed, spec));
  return {
    errors: run([
      ...hostErrors,
      ...networkErrors,
      ...appErrors,
      ...databaseErrors,
      ...monitoringErrors,
      ...dashboardErrors,
    ]),
    warnings: run([...hostWarnings, ...networkWarnings]),
  };
}
