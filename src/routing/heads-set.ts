/** SET in all its forms. @see https://mariadb.com/kb/en/set/ */
import type { Draft } from './draft.ts';
import { type Head, head } from './heads.ts';
import { parseConsistency } from './hint.ts';
import type { Lexer } from './lexer.ts';
import { atEnd, isName, isPunctuation, literalText, literalValue, nameText, rawText } from './names.ts';
import { scan } from './scan.ts';
import { type Scope, setVariable } from './set-variable.ts';
import { skim } from './skim.ts';
import { token } from './token.ts';
import { statementVariables } from './variable-data.ts';
import { word } from './words.ts';

export const setHead: Head = (lexer, draft, modes) => {
  lexer.next();
  if (lexer.word === word.statement) setStatement(lexer, draft, modes);
  else setPlain(lexer, draft);
};

/** All that isn't SET STATEMENT, from the word behind SET on. */
function setPlain(lexer: Lexer, draft: Draft): void {
  if (lexer.word === word.password || lexer.word === word.default) {
    draft.is('ddl');
    draft.require('primary', 'ddl');
    draft.implicitCommit = true;
    skim(lexer, draft);
  } else if (lexer.word === word.role) setRole(lexer, draft);
  else {
    draft.is('session');
    assignments(lexer, draft);
  }
}

/** SET ROLE name | NONE */
function setRole(lexer: Lexer, draft: Draft): void {
  draft.is('session');
  lexer.next();
  const value = lexer.kind === token.quotedName ? undefined : literalText(lexer);
  draft.require('primary', 'session variable');
  if (value === undefined) {
    draft.pin('variable', 'role');
    skim(lexer, draft);
    return;
  }
  draft.effect({ kind: 'role', value });
  skim(lexer, draft);
}

/** SET STATEMENT variable = value [, …] FOR statement. @see https://mariadb.com/kb/en/set-statement/ */
const setStatement: Head = (lexer, draft, modes) => {
  let limits = true;
  do {
    lexer.next();
    if (!isName(lexer) || !statementVariables.has(nameText(lexer).toLowerCase())) limits = false;
    lexer.next();
    if (!isPunctuation(lexer, '=')) limits = false;
    lexer.next();
    if (literalText(lexer) === undefined) limits = false;
    while (!atEnd(lexer) && lexer.word !== word.for && !isPunctuation(lexer, ',')) {
      if (lexer.kind === token.userVariable || isPunctuation(lexer, '(')) limits = false;
      lexer.next();
    }
  } while (isPunctuation(lexer, ','));
  if (!limits) {
    draft.require('primary', 'statement settings');
    draft.resend = false;
  }
  if (atEnd(lexer)) {
    draft.is('session');
    return;
  }
  lexer.next();
  if (lexer.word !== word.set) {
    head(lexer, draft, modes);
    return;
  }
  lexer.next();
  if (lexer.word !== word.statement) setPlain(lexer, draft);
  else {
    // One in another isn't read: thousands of them would be as many calls on the stack.
    lexer.odd = true;
    skim(lexer, draft);
  }
};

/** A list of assignments, NAMES, CHARACTER SET and TRANSACTION, each with its scope. */
function assignments(lexer: Lexer, draft: Draft): void {
  let sticky: Scope = 'session';
  for (;;) {
    let scope: Scope = sticky;
    if (lexer.word === word.global || lexer.word === word.session || lexer.word === word.local) {
      // Whether GLOBAL holds for what follows too isn't said alike everywhere: then both may have changed.
      scope = lexer.word === word.global ? 'global' : 'session';
      if (scope === 'global') sticky = 'unclear';
      lexer.next();
    } else if (lexer.word === word.transaction) scope = 'next';
    assignment(lexer, draft, scope);
    if (!isPunctuation(lexer, ',')) break;
    lexer.next();
  }
  if (!atEnd(lexer)) {
    draft.require('primary', 'not understood');
    draft.pin('text');
    skim(lexer, draft);
  }
}

function assignment(lexer: Lexer, draft: Draft, scope: Scope): void {
  if (lexer.word === word.transaction) setTransaction(lexer, draft, scope);
  else if (lexer.word === word.names) setNames(lexer, draft);
  else if (lexer.word === word.character || lexer.word === word.charset) setCharacterSet(lexer, draft);
  else if (lexer.kind === token.userVariable) userVariable(lexer, draft);
  else {
    let actual = scope;
    if (lexer.kind === token.systemVariable) {
      lexer.next();
      actual = readScope(lexer, scope);
    }
    setVariable(lexer, draft, actual);
  }
}

/** The scope in `@@global.name`; without one it is the session's. */
function readScope(lexer: Lexer, scope: Scope): Scope {
  const number = lexer.word;
  if (number !== word.global && number !== word.session && number !== word.local) {
    return scope === 'unclear' ? 'unclear' : 'session';
  }
  lexer.next();
  if (isPunctuation(lexer, '.')) lexer.next();
  return number === word.global ? 'global' : 'session';
}

const consistencyVariable = '@tandem_consistency';

/** @name = value. The consistency of the session is asked for in this way too, and follows it everywhere. */
function userVariable(lexer: Lexer, draft: Draft): void {
  const name = rawText(lexer).toLowerCase();
  lexer.next();
  if (isPunctuation(lexer, ':')) lexer.next();
  lexer.next();
  if (name === consistencyVariable && lexer.kind === token.string) {
    const level = parseConsistency(literalValue(literalText(lexer) ?? ''));
    const place = lexer.place();
    lexer.next();
    if (level !== undefined && (atEnd(lexer) || isPunctuation(lexer, ','))) {
      draft.require('any', 'replayable session state');
      draft.effect({ kind: 'set', variable: consistencyVariable, value: `'${level}'` });
      return;
    }
    lexer.back(place);
  }
  draft.require('primary', 'user variable');
  draft.pin('user variables');
  scan(lexer, draft, { stopAtComma: true, writes: true });
}

/** NAMES charset [COLLATE collation] | DEFAULT */
function setNames(lexer: Lexer, draft: Draft): void {
  lexer.next();
  const charset = literalText(lexer);
  lexer.next();
  let value = charset;
  if (lexer.word === word.collate) {
    lexer.next();
    const collation = literalText(lexer);
    value = charset === undefined || collation === undefined ? undefined : `${charset} COLLATE ${collation}`;
    lexer.next();
  }
  if (charset === undefined || value === undefined || charset.toLowerCase() === 'default') {
    evaluateCharset(draft);
    return;
  }
  draft.require('any', 'replayable session state');
  draft.effect({ kind: 'names', charset: literalValue(charset).toLowerCase(), value });
}

/** CHARACTER SET: depends on the collation of the default schema. */
function setCharacterSet(lexer: Lexer, draft: Draft): void {
  const long = lexer.word === word.character;
  lexer.next();
  if (long) lexer.next();
  lexer.next();
  evaluateCharset(draft);
}

function evaluateCharset(draft: Draft): void {
  draft.require('primary', 'evaluated value');
  draft.effect({
    kind: 'evaluate',
    variables: ['character_set_client', 'character_set_results', 'collation_connection'],
  });
}

/** [scope] TRANSACTION ISOLATION LEVEL … | READ ONLY | READ WRITE [, …]; without a scope for the next one alone. */
function setTransaction(lexer: Lexer, draft: Draft, scope: Scope): void {
  const level: string[] = [];
  let access: string | undefined;
  let readsLevel = false;
  for (lexer.next(); !atEnd(lexer); lexer.next()) {
    if (lexer.word === word.level) readsLevel = true;
    else if (lexer.word === word.only) access = '1';
    else if (lexer.word === word.write) access = '0';
    else if (isPunctuation(lexer, ',')) readsLevel = false;
    else if (readsLevel) level.push(rawText(lexer).toUpperCase());
  }
  if (scope === 'next') {
    draft.require('primary', 'transaction');
    draft.pin('next transaction');
    return;
  }
  if (scope !== 'session') {
    draft.is('admin');
    draft.require('primary', 'administration');
    return;
  }
  draft.require('any', 'replayable session state');
  if (level.length > 0)
    draft.effect({ kind: 'set', variable: 'tx_isolation', value: `'${level.join('-')}'` });
  if (access !== undefined) draft.effect({ kind: 'set', variable: 'tx_read_only', value: access });
}
