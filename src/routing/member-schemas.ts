/** Schemas of which each member has some tables of its own, so that they are read on the primary. In lower case. */
export const memberSchemas: ReadonlySet<string> = new Set([
  'information_schema',
  'performance_schema',
  'mysql',
  'sys',
]);
