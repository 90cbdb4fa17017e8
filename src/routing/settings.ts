/** Session settings that are repeated on every other connection, as an ordered list with one entry per key. */

import type { Setting } from './session.ts';
import { alsoSets } from './variable-data.ts';

/**
 * Adds a setting at the end, in the place of an older one of its key. Repeating the rest in order gives what the client
 * set in order: of two statements that set the same things, only the later one counts.
 */
export function withSetting(settings: readonly Setting[], key: string, sql: string): readonly Setting[] {
  const covered = alsoSets.get(key);
  const kept = settings.filter((setting) => setting.key !== key && covered?.includes(setting.key) !== true);
  return [...kept, { key, sql }];
}

/** The statement that sets a session variable to a literal. User variables keep their @. */
export function setStatement(variable: string, value: string): string {
  return variable.startsWith('@') ? `SET ${variable} = ${value}` : `SET SESSION ${variable} = ${value}`;
}

/** By what a server reads a text, when nothing has been set; the character set is that of the client's collation, by its id. */
const readingDefaults = (collation: number): readonly string[] => [
  'SET SESSION sql_mode = DEFAULT, old_mode = DEFAULT',
  `SET SESSION character_set_client = ${collation}, character_set_results = ${collation}, collation_connection = ${collation}`,
];
const readingKeys: ReadonlySet<string> = new Set([
  ...['sql_mode', 'old_mode', 'names', 'character_set_client', 'character_set_results'],
  ...['character_set_connection', 'collation_connection'],
]);

/** The statements that let a connection, whatever was set on it, read a text by these settings. */
export function readingOf(settings: readonly Setting[], collation: number): readonly string[] {
  const own = settings.filter(({ key }) => readingKeys.has(key));
  return [...readingDefaults(collation), ...own.map(({ sql }) => sql)];
}
