/** What the next statement may ask about the last one keeps a connection for a while, also from sessions that wait. */
import { diagnosed, type SessionState } from './session.ts';

/** Whoever has rows counted (SQL_CALC_FOUND_ROWS) asks for the number. */
const foundRowsMs = 5_000;
/** Most clients never ask for warnings; those that do so ask at once. */
const warningsMs = 1_000;

/** How long after the last statement FOUND_ROWS() or SHOW WARNINGS may still come, for the connection to `role`. */
export function questionMs({ last }: SessionState, role: 'primary' | 'replica'): number {
  if (last === undefined) return 0;
  if (last.foundRows && last.role === role) return foundRowsMs;
  return last.warnings > 0 && diagnosed(last).role === role ? warningsMs : 0;
}
