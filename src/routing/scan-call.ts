/** A name before an opening parenthesis: a built-in function, a word of the grammar, or a stored routine. */
import type { Before } from './before.ts';
import type { Draft } from './draft.ts';
import { type Level, ownFrom } from './scan-level.ts';
import { token } from './token.ts';
import { flags, reasonOf, word, wordFlag } from './words.ts';

/** Notes what the call needs; `parent` and `child` are the parentheses around it and of its arguments. */
export function readCall(before: Before, bytes: Uint8Array, draft: Draft, parent: Level, child: Level): void {
  const flag = before.kind === token.word ? (flags[before.word] ?? 0) : 0;
  if ((flag & wordFlag.pure) !== 0) {
    child.ownFrom = ownFrom.has(before.word);
    child.jsonTable = before.word === word.json_table;
  } else if (before.word === word.columns && parent.jsonTable) child.jsonTable = true;
  else if ((flag & wordFlag.special) !== 0) readSpecial(before.word, draft);
  else if ((flag & wordFlag.beforeParenthesis) !== 0) return;
  else if ((flag & wordFlag.castType) !== 0 && before.wordBefore === word.as) return;
  else draft.routine(before.name(bytes));
}

/** A built-in function that has its reason in the table. */
function readSpecial(number: number, draft: Draft): void {
  const reason = reasonOf[number] ?? 'not understood';
  draft.require(reason === 'row count' ? 'previous' : 'primary', reason);
  if (number === word.get_lock) draft.pin('lock');
  if (number === word.last_insert_id) draft.usesInsertId = true;
}
