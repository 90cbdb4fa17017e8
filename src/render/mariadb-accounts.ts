/** Names of MariaDB's accounts that more than one component has to know. */
import type { Spec } from '#src/spec/spec.ts';

/** The application's. */
export function applicationAccount(spec: Spec): string {
  return spec.database.schema;
}
