/**
 * What a client's capabilities set in its session at the login, as settings: until something else is set, or the session
 * is reset, every connection of the session is given them. A flag of the server connection would not do: the first reset
 * of a pooled one takes it back.
 */
import { capability } from '#src/mysql-wire/capabilities.ts';
import type { Setting } from '#src/routing/session.ts';

const ignoreSpace: Setting = {
  key: 'sql_mode',
  sql: "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',IGNORE_SPACE')",
  sure: true,
};
const interactive: Setting = {
  key: 'wait_timeout',
  sql: 'SET SESSION wait_timeout = @@SESSION.interactive_timeout',
  sure: true,
};

export function loginSettings(capabilities: number): readonly Setting[] {
  const settings: Setting[] = [];
  if ((capabilities & capability.ignoreSpace) !== 0) settings.push(ignoreSpace);
  if ((capabilities & capability.interactive) !== 0) settings.push(interactive);
  return settings;
}
