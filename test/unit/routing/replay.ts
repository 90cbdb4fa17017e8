/** What a router gives a fresh connection, as statements: by which tests tell what a session remembers. */
import type { SessionState } from '#src/routing/session.ts';
import { setStatement } from '#src/routing/settings.ts';
import type { Statement } from '#src/routing/statement.ts';

const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/**
 * What brings a fresh (or reset) connection into the session's state, in order. The last insert id only comes along for
 * a statement that may ask for it, and the schema last, for the character set decides how its name is read. Empty for a
 * session that has set nothing.
 */
export function replay(state: SessionState, statement?: Statement): readonly string[] {
  const statements = state.settings.map((setting) => setting.sql);
  if (state.insertId !== undefined && statement?.usesInsertId === true) {
    statements.push(setStatement('last_insert_id', state.insertId));
  }
  if (state.schema !== undefined) statements.push(`USE ${quoted(state.schema)}`);
  return statements;
}
