/** Rules on the dashboard's operators. */
import type { Issue } from '#src/std/errors.ts';
import type { Rule } from './rule.ts';
import type { ParsedStack } from './schema.ts';

export const dashboardErrors: readonly Rule[] = [{ reads: ['dashboard.operators'], check: repeatedNames }];

function repeatedNames({ dashboard }: ParsedStack): readonly Issue[] {
  const names = dashboard.operators.map(({ name }) => name);
  return names.flatMap((name, index) =>
    names.indexOf(name) === index
      ? []
      : [
          {
            path: `dashboard.operators.${index}.name`,
            message: `'${name}' is in the list already`,
            hint: 'Give every operator a name of their own.',
          },
        ],
  );
}
