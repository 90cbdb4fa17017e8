/** Whether a text may change definitions: tables, views, routines, triggers, and who sees them. */
import type { StatementClass } from './statement.ts';

/** Between letters of neither side; a version number of an executable comment may be in front. */
const definingWord = /(?<![a-z_$])(create|alter|drop|rename|grant|revoke)(?![\w$])/i;

/** Of a text that isn't understood its words alone are looked at. */
export function mayDefine(kind: StatementClass, sql: Buffer): boolean {
  return kind === 'ddl' || (kind === 'unknown' && definingWord.test(sql.toString('latin1')));
}
