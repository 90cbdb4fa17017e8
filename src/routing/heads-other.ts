/** Statements about session state, prepared statements, routines and definitions. */
import type { Draft } from './draft.ts';
import type { Head } from './heads.ts';
import type { Lexer } from './lexer.ts';
import { atEnd, isName, isPunctuation, nameText, rawText, readObjectName, skipWords } from './names.ts';
import { scan } from './scan.ts';
import { skim, skimBody } from './skim.ts';
import type { ObjectName } from './statement.ts';
import { token } from './token.ts';
import { word } from './words.ts';

/** The name of a pin for a table: with the schema as written, '' standing for the default schema. */
export function tablePin(name: ObjectName): string {
  return `${name.schema ?? ''}.${name.name}`;
}

export const useHead: Head = (lexer, draft) => {
  draft.is('session');
  lexer.next();
  if (isName(lexer)) {
    // Whether the schema is there is read: a replica that lacks the session's CREATE DATABASE would refuse.
    draft.require('replica', 'replayable session state');
    draft.effect({ kind: 'use', schema: nameText(lexer) });
  } else draft.require('primary', 'not understood');
  skim(lexer, draft);
};

/** CALL name[(arguments)] */
export const callHead: Head = (lexer, draft) => {
  draft.is('write');
  draft.require('primary', 'call');
  lexer.next();
  const name = readObjectName(lexer);
  if (name !== undefined) draft.routine(name);
  draft.resend = false;
  scan(lexer, draft, { writes: true });
  // An OUT or INOUT argument is set.
  if (draft.variables) draft.pin('user variables');
};

export const prepareHead: Head = (lexer, draft) => {
  prepared(draft);
  lexer.next();
  draft.pin('prepared statement', isName(lexer) ? nameText(lexer).toLowerCase() : '');
  scan(lexer, draft, { writes: true });
};

/** EXECUTE name and EXECUTE IMMEDIATE: their text isn't here, so they may leave anything. */
export const executeHead: Head = (lexer, draft) => {
  prepared(draft);
  draft.is('write');
  draft.pin('text', 'prepared');
  scan(lexer, draft, { writes: true });
};

export const deallocateHead: Head = (lexer, draft) => {
  prepared(draft);
  lexer.next();
  if (lexer.word === word.prepare) lexer.next();
  if (isName(lexer)) {
    draft.effect({ kind: 'unpin', pin: 'prepared statement', name: nameText(lexer).toLowerCase() });
  }
  skim(lexer, draft);
};

function prepared(draft: Draft): void {
  draft.is('session');
  draft.require('primary', 'prepared statement');
  draft.resend = false;
}

/** HANDLER name OPEN [[AS] alias], READ …, CLOSE. */
export const handlerHead: Head = (lexer, draft) => {
  draft.is('session');
  draft.require('primary', 'handler');
  lexer.next();
  let name = readObjectName(lexer);
  if (lexer.word === word.open) {
    lexer.next();
    if (lexer.word === word.as) lexer.next();
    if (isName(lexer)) name = { schema: undefined, name: nameText(lexer) };
    draft.pin('handler', name?.name ?? '');
  } else if (lexer.word === word.close) {
    draft.effect({ kind: 'unpin', pin: 'handler', name: name?.name ?? '' });
  }
  scan(lexer, draft, { writes: true });
};

/** LOCK TABLES. */
export const lockHead: Head = (lexer, draft) => {
  draft.is('session');
  draft.require('primary', 'lock');
  draft.implicitCommit = true;
  draft.pin('table locks');
  skim(lexer, draft);
};

export const unlockHead: Head = (lexer, draft) => {
  draft.is('session');
  draft.require('primary', 'lock');
  draft.implicitCommit = true;
  draft.resend = false;
  draft.effect({ kind: 'unpin', pin: 'table locks', name: undefined });
  skim(lexer, draft);
};

/** KILL [HARD | SOFT] [CONNECTION | QUERY [ID]] id */
export const killHead: Head = (lexer, draft) => {
  draft.is('admin');
  draft.require('primary', 'administration');
  draft.resend = false;
  lexer.next();
  skipWords(lexer, word.hard, word.soft, word.connection);
  const query = lexer.word === word.query;
  if (query) lexer.next();
  if (lexer.kind === token.number) draft.effect({ kind: 'kill', id: rawText(lexer), query });
  skim(lexer, draft);
};

/** SIGNAL, RESIGNAL and GET DIAGNOSTICS: about the statement before; the last sets variables. */
export const signalHead: Head = (lexer, draft) => {
  draft.is('session');
  draft.require('previous', 'diagnostics');
  draft.resend = false;
  scan(lexer, draft, { writes: true });
  if (draft.variables) draft.pin('user variables');
};

function definition(draft: Draft): void {
  draft.is('ddl');
  draft.require('primary', 'ddl');
  draft.implicitCommit = true;
}

const withBody: ReadonlySet<number> = new Set([word.procedure, word.function, word.trigger, word.package]);

/** The body of what is defined, and perhaps statements behind it, which may leave anything. */
function skimDefined(lexer: Lexer, draft: Draft): void {
  if (!skimBody(lexer)) return;
  draft.pin('text');
  draft.resend = false;
}

/** CREATE [OR REPLACE] [DEFINER = …] [AGGREGATE] [TEMPORARY] kind [IF NOT EXISTS] name … */
export const createHead: Head = (lexer, draft) => {
  lexer.next();
  skipWords(lexer, word.or, word.replace);
  if (lexer.word === word.temporary) {
    createTemporary(lexer, draft);
    return;
  }
  definition(draft);
  while (!atEnd(lexer) && !isPunctuation(lexer, '(')) {
    if (withBody.has(lexer.word) || lexer.word === word.event) {
      skimDefined(lexer, draft);
      return;
    }
    if (lexer.word === word.table) {
      skim(lexer, draft, true);
      return;
    }
    if (lexer.word === word.view || lexer.word === word.user || lexer.word === word.database) break;
    lexer.next();
  }
  skim(lexer, draft);
};

function createTemporary(lexer: Lexer, draft: Draft): void {
  draft.is('session');
  draft.require('primary', 'temporary table');
  lexer.next();
  lexer.next();
  skipWords(lexer, word.if, word.not, word.exists);
  const name = readObjectName(lexer);
  draft.pin('temporary table', name === undefined ? '' : tablePin(name));
  skim(lexer, draft, true);
}

/** DROP [TEMPORARY] TABLE, DROP PREPARE and the rest. */
export const dropHead: Head = (lexer, draft, modes) => {
  lexer.next();
  if (lexer.word === word.prepare) {
    deallocateHead(lexer, draft, modes);
    return;
  }
  if (lexer.word !== word.temporary) {
    definition(draft);
    skim(lexer, draft);
    return;
  }
  draft.is('session');
  draft.require('primary', 'temporary table');
  lexer.next();
  lexer.next();
  skipWords(lexer, word.if, word.exists);
  for (;;) {
    const name = readObjectName(lexer);
    if (name === undefined) break;
    draft.effect({ kind: 'unpin', pin: 'temporary table', name: tablePin(name) });
    if (!isPunctuation(lexer, ',')) break;
    lexer.next();
  }
  skim(lexer, draft);
};

/** ALTER and RENAME: may give a temporary table another name. */
export const renameHead: Head = (lexer, draft) => {
  definition(draft);
  draft.effect({ kind: 'rename tables' });
  lexer.next();
  // ALTER EVENT … DO has a body.
  if (lexer.word === word.event) skimDefined(lexer, draft);
  else skim(lexer, draft);
};
