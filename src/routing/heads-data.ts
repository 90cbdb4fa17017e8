/** Queries and statements that change rows. */
import type { Draft } from './draft.ts';
import type { Head } from './heads.ts';
import type { Lexer } from './lexer.ts';
import { lockCall } from './lock-call.ts';
import { atEnd, readObjectName, skipWords } from './names.ts';
import { scan } from './scan.ts';
import { token } from './token.ts';
import { word } from './words.ts';

/** SELECT, VALUES, WITH and what begins with a parenthesis. */
export const queryHead: Head = (lexer, draft, modes) => {
  const begin = lexer.place();
  plannedQueryHead(lexer, draft, modes);
  lockCall(lexer, draft, begin);
};

/** One that may not run, or only in part: a lock that it names may be as before. */
export const plannedQueryHead: Head = (lexer, draft) => {
  draft.is('read');
  draft.query = true;
  draft.require('replica', 'read');
  scan(lexer, draft);
};

/** DO expressions: a SELECT without a result. */
export const doHead: Head = (lexer, draft) => {
  const begin = lexer.place();
  draft.is('read');
  draft.query = true;
  draft.require('replica', 'read');
  lexer.next();
  scan(lexer, draft);
  lockCall(lexer, draft, begin);
};

function write(draft: Draft): void {
  draft.is('write');
  draft.require('primary', 'write');
}

function skipModifiers(lexer: Lexer): void {
  skipWords(lexer, word.low_priority, word.high_priority, word.delayed, word.quick, word.ignore);
}

function readTable(lexer: Lexer, draft: Draft): void {
  const table = readObjectName(lexer);
  if (table !== undefined) draft.table(table);
}

/** INSERT and REPLACE [modifiers] [INTO] table [PARTITION (…)] [(columns)] … */
export const insertHead: Head = (lexer, draft) => {
  write(draft);
  lexer.next();
  skipModifiers(lexer);
  skipWords(lexer, word.into);
  readTable(lexer, draft);
  scan(lexer, draft, { writes: true });
};

export const updateHead: Head = (lexer, draft) => {
  write(draft);
  lexer.next();
  skipModifiers(lexer);
  scan(lexer, draft, { tables: true, writes: true });
};

export const deleteHead: Head = (lexer, draft) => {
  write(draft);
  lexer.next();
  skipModifiers(lexer);
  scan(lexer, draft, { writes: true });
};

/**
 * LOAD DATA and LOAD XML, never sent again: with LOCAL the client has sent its file by then. Variables in the list of
 * columns are set. LOAD INDEX INTO CACHE is administration.
 */
export const loadHead: Head = (lexer, draft) => {
  lexer.next();
  if (lexer.word === word.index) {
    draft.is('admin');
    draft.require('primary', 'administration');
    draft.implicitCommit = true;
  } else write(draft);
  draft.resend = false;
  let variables = false;
  while (!atEnd(lexer)) {
    if (lexer.kind === token.userVariable) variables = true;
    const table = lexer.word === word.table;
    lexer.next();
    if (table) readTable(lexer, draft);
  }
  if (variables) draft.pin('user variables');
};
