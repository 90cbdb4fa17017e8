/** Statements that begin, change or end a transaction. @see https://mariadb.com/kb/en/transactions/ */
import type { Draft } from './draft.ts';
import { compound, type Head } from './heads.ts';
import type { Lexer } from './lexer.ts';
import { atEnd, rawText } from './names.ts';
import { skim } from './skim.ts';
import { token } from './token.ts';
import { word } from './words.ts';

function transaction(draft: Draft): void {
  draft.is('transaction');
  draft.require('primary', 'transaction');
}

/** BEGIN [WORK], or BEGIN NOT ATOMIC … END. */
export const beginHead: Head = (lexer, draft, modes) => {
  lexer.next();
  if (lexer.word === word.work) lexer.next();
  if (!atEnd(lexer)) {
    compound(lexer, draft, modes);
    return;
  }
  transaction(draft);
  draft.implicitCommit = true;
  draft.effect({ kind: 'begin', readOnly: undefined, snapshot: false });
};

/** START TRANSACTION [characteristic [, …]]; START SLAVE and the like. */
export const startHead: Head = (lexer, draft) => {
  lexer.next();
  draft.implicitCommit = true;
  if (lexer.word !== word.transaction) {
    draft.is('admin');
    draft.require('primary', 'administration');
    skim(lexer, draft);
    return;
  }
  let readOnly: boolean | undefined;
  let snapshot = false;
  for (lexer.next(); !atEnd(lexer); lexer.next()) {
    if (lexer.word === word.only) readOnly = readOnly === undefined;
    if (lexer.word === word.write) readOnly = false;
    if (lexer.word === word.snapshot) snapshot = true;
  }
  draft.is('transaction');
  if (readOnly === true) draft.require('replica', 'read only transaction');
  else draft.require('primary', 'transaction');
  draft.effect({ kind: 'begin', readOnly, snapshot });
};

/** [WORK] [AND [NO] CHAIN] [[NO] RELEASE]; undefined: as @@completion_type says. */
function completion(lexer: Lexer, draft: Draft): void {
  let chain: boolean | undefined;
  let release: boolean | undefined;
  let no = false;
  for (; !atEnd(lexer); lexer.next()) {
    if (lexer.word === word.chain) chain = !no;
    if (lexer.word === word.release) release = !no;
    no = lexer.word === word.no;
  }
  draft.effect({ kind: 'end', chain, release });
}

export const commitHead: Head = (lexer, draft) => {
  transaction(draft);
  draft.resend = false;
  lexer.next();
  completion(lexer, draft);
};

/** ROLLBACK, or ROLLBACK [WORK] TO [SAVEPOINT] name, which ends nothing. */
export const rollbackHead: Head = (lexer, draft) => {
  transaction(draft);
  draft.resend = false;
  lexer.next();
  if (lexer.word === word.work) lexer.next();
  if (lexer.word === word.to) skim(lexer, draft);
  else completion(lexer, draft);
};

export const savepointHead: Head = (lexer, draft) => {
  transaction(draft);
  draft.resend = false;
  skim(lexer, draft);
};

/** RELEASE SAVEPOINT. */
export const releaseHead: Head = savepointHead;

/**
 * XA. One branch at a time is open on a connection; what PREPARE leaves can be ended by any connection, but the session
 * stays where it is until then. @see https://mariadb.com/kb/en/xa-transactions/
 */
export const xaHead: Head = (lexer, draft) => {
  transaction(draft);
  draft.resend = false;
  lexer.next();
  const verb = lexer.word;
  lexer.next();
  let name = '';
  while (!atEnd(lexer)) {
    if (lexer.kind === token.string || lexer.kind === token.number) name += `${rawText(lexer)},`;
    lexer.next();
  }
  if (verb === word.start || verb === word.begin) draft.pin('xa', name);
  if (verb === word.commit || verb === word.rollback) draft.effect({ kind: 'unpin', pin: 'xa', name });
};
