/** One system variable in SET. */
import type { Draft } from './draft.ts';
import type { Lexer } from './lexer.ts';
import { atEnd, isName, isPunctuation, literalText, literalValue, nameText, rawText } from './names.ts';
import { scan } from './scan.ts';
import { token } from './token.ts';
import { boundVariables, sameVariable } from './variable-data.ts';

/** `next`: for the next transaction alone; `unclear`: after GLOBAL, it may be either. */
export type Scope = 'session' | 'global' | 'next' | 'unclear';

/** Reads `name = value` up to a comma or the end. */
export function setVariable(lexer: Lexer, draft: Draft, scope: Scope): void {
  const written = isName(lexer) ? nameText(lexer).toLowerCase() : '';
  const name = sameVariable.get(written) ?? written;
  lexer.next();
  if (isPunctuation(lexer, ':')) lexer.next();
  if (name === '' || !isPunctuation(lexer, '=')) {
    // A structured variable, NEW.column of a trigger, or nothing known.
    draft.require('primary', 'not understood');
    draft.pin('text');
    while (!atEnd(lexer)) lexer.next();
    return;
  }
  lexer.next();
  if (scope === 'global') {
    draft.is('admin');
    draft.require('primary', 'administration');
  }
  const literal = readLiteral(lexer, draft);
  if (scope === 'global') return;
  if (scope === 'unclear' || literal === undefined) {
    draft.require('primary', 'evaluated value');
    draft.effect({ kind: 'evaluate', variables: [name] });
    if (boundVariables.has(name)) draft.pin('variable', name);
    return;
  }
  setLiteral(draft, name, literal);
}

/** The literal up to a comma or the end; undefined, and read to there, when it is anything else. */
function readLiteral(lexer: Lexer, draft: Draft): string | undefined {
  let sign = '';
  if (isPunctuation(lexer, '-') || isPunctuation(lexer, '+')) {
    sign = rawText(lexer);
    lexer.next();
    if (lexer.kind !== token.number) {
      draft.require('primary', 'evaluated value');
      scan(lexer, draft, { stopAtComma: true, writes: true });
      return undefined;
    }
  }
  const place = lexer.place();
  const literal = literalText(lexer);
  lexer.next();
  if (literal !== undefined && (atEnd(lexer) || isPunctuation(lexer, ','))) return sign + literal;
  lexer.back(place);
  draft.require('primary', 'evaluated value');
  scan(lexer, draft, { stopAtComma: true, writes: true });
  return undefined;
}

const off: ReadonlySet<string> = new Set(['0', 'off', 'false']);
const on: ReadonlySet<string> = new Set(['1', 'on', 'true']);

/** What the session gets by a literal value. */
function setLiteral(draft: Draft, name: string, literal: string): void {
  const value = literalValue(literal).toLowerCase();
  if (name === 'autocommit') {
    draft.implicitCommit = true;
    // The server's status flags tell whether it is on; off keeps the session on one connection.
    if (on.has(value)) draft.require('any', 'replayable session state');
    else draft.require('primary', 'transaction');
    return;
  }
  const bound = boundVariables.get(name);
  if (bound !== undefined) {
    if (name === 'sql_auto_is_null' && off.has(value)) {
      draft.require('primary', 'session variable');
      draft.effect({ kind: 'unpin', pin: bound, name });
      return;
    }
    draft.require('primary', 'session variable');
    draft.pin(bound, name);
    return;
  }
  draft.require('any', 'replayable session state');
  draft.effect({ kind: 'set', variable: name, value: literal });
}
