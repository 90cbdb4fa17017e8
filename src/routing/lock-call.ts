/**
 * Statements that are nothing but one call of a locking function: only there it is known which lock was asked for, and
 * that a lock was given back. In every other shape a lock counts as held for the rest of the session.
 */
import type { Draft } from './draft.ts';
import type { Lexer } from './lexer.ts';
import { atEnd, isName, isPunctuation, rawText } from './names.ts';
import { token } from './token.ts';
import { word } from './words.ts';

const lockWords: ReadonlySet<number> = new Set([word.get_lock, word.release_lock, word.release_all_locks]);

/** Reads the statement that begins at the place `begin` once more, if it calls a locking function. The tokeniser stands on its end, before and after. */
export function lockCall(lexer: Lexer, draft: Draft, begin: number): void {
  if (draft.reason !== 'lock' || lexer.versioned || lexer.odd) return;
  const end = lexer.place();
  lexer.back(begin);
  if (lexer.word === word.select || lexer.word === word.do) lexer.next();
  const call = lexer.word;
  if (lockWords.has(call)) {
    lexer.next();
    const name = readArguments(lexer);
    const alias = name !== undefined && readAlias(lexer);
    if (alias && atEnd(lexer)) note(draft, call, name);
  }
  lexer.back(end);
}

function note(draft: Draft, call: number, name: string): void {
  if (call === word.get_lock) draft.rename('lock', name);
  else if (call === word.release_lock && name !== '') draft.effect({ kind: 'unpin', pin: 'lock', name });
  else if (call === word.release_all_locks && name === '') {
    draft.effect({ kind: 'unpin', pin: 'lock', name: undefined });
  }
}

/** `()`, `('name')` or `('name', number)`: the first argument as it stands, '' without one; undefined for another shape. */
function readArguments(lexer: Lexer): string | undefined {
  if (!isPunctuation(lexer, '(')) return undefined;
  lexer.next();
  let name = '';
  if (!isPunctuation(lexer, ')')) {
    if (lexer.kind !== token.string) return undefined;
    name = rawText(lexer);
    lexer.next();
    if (isPunctuation(lexer, ',') && !readTimeout(lexer)) return undefined;
  }
  if (!isPunctuation(lexer, ')')) return undefined;
  lexer.next();
  return name;
}

/** `, [-]number` */
function readTimeout(lexer: Lexer): boolean {
  lexer.next();
  if (isPunctuation(lexer, '-')) lexer.next();
  const number = lexer.kind === token.number;
  lexer.next();
  return number;
}

function readAlias(lexer: Lexer): boolean {
  if (lexer.word === word.as) lexer.next();
  if ((isName(lexer) && lexer.word === 0) || lexer.kind === token.string) lexer.next();
  return true;
}
