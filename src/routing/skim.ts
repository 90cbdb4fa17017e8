/** Statements whose text isn't read as expressions: to their end, watching only for what ties a session down. */
import type { Draft } from './draft.ts';
import type { Lexer } from './lexer.ts';
import { atEnd, isPunctuation } from './names.ts';
import { scan } from './scan.ts';
import { token } from './token.ts';
import { word } from './words.ts';

/** Goes to the end of the statement. `query`: a SELECT in it is read (CREATE TABLE … SELECT). */
export function skim(lexer: Lexer, draft: Draft, query = false): void {
  let variable = false;
  while (!atEnd(lexer)) {
    if (query && (lexer.word === word.select || lexer.word === word.with)) {
      scan(lexer, draft, { writes: true });
      return;
    }
    if (variable && isPunctuation(lexer, ':')) draft.pin('user variables');
    if (lexer.word === word.get_lock) draft.pin('lock');
    variable = lexer.kind === token.userVariable;
    lexer.next();
  }
}

/**
 * A body of statements (compound block, stored routine, trigger, event): to the end of the whole text, semicolons
 * included. True when there are several: whether the last belong to it, or follow it, isn't told apart.
 */
export function skimBody(lexer: Lexer): boolean {
  let statements = 0;
  while (lexer.kind !== token.end) {
    if (isPunctuation(lexer, ';')) {
      lexer.nextStatement();
      if (lexer.kind !== token.end) statements++;
      continue;
    }
    lexer.next();
  }
  return statements > 0;
}
