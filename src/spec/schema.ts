/**
 * The stack file's schema: the single source of its types, defaults, error messages, JSON Schema and reference page. Each
 * section is a file of `schema/`. Checks that need more than one key (addresses, quorum, roles) are in `rules.ts`.
 */
import { z } from 'zod';
import { balancer } from './schema/balancer.ts';
import { dashboard } from './schema/dashboard.ts';
import { database, quorum } from './schema/database.ts';
import { host, ssh } from './schema/hosts.ts';
import { monitoring } from './schema/monitoring.ts';
import { network, site } from './schema/network.ts';
import { name, namePattern } from './schema/values.ts';
import { web } from './schema/web.ts';

export const stackSchema = z.strictObject({
  stack: name.describe('Name of the stack.'),
  ssh,
  network,
  site,
  // Names are checked by a rule: a key schema would leave what a badly named host says unchecked.
  hosts: z
    .record(z.string(), host)
    .meta({ propertyNames: { type: 'string', pattern: namePattern.source } })
    .describe('The hosts by name, in order of preference.'),
  balancer,
  web,
  database,
  quorum,
  monitoring,
  dashboard,
});

/** What a user writes: only `stack`, `hosts` and `web.app` are required. */
export type StackFile = z.input<typeof stackSchema>;
/** The stack file with all defaults filled in, as the schema gives it. */
export type ParsedStack = z.output<typeof stackSchema>;
