/** The first words of a statement decide how the rest is read. */
import type { Draft } from './draft.ts';
import { deleteHead, doHead, insertHead, loadHead, queryHead, updateHead } from './heads-data.ts';
import {
  callHead,
  createHead,
  deallocateHead,
  dropHead,
  executeHead,
  handlerHead,
  killHead,
  lockHead,
  prepareHead,
  renameHead,
  signalHead,
  unlockHead,
  useHead,
} from './heads-other.ts';
import { setHead } from './heads-set.ts';
import { analyzeHead, explainHead, showHead } from './heads-show.ts';
import {
  beginHead,
  commitHead,
  releaseHead,
  rollbackHead,
  savepointHead,
  startHead,
  xaHead,
} from './heads-transaction.ts';
import type { Lexer } from './lexer.ts';
import type { Modes } from './modes.ts';
import { atEnd, isName, isPunctuation } from './names.ts';
import { skim, skimBody } from './skim.ts';
import { token } from './token.ts';
import { word } from './words.ts';

/** Reads one statement; the tokeniser stands on its first token, and on its end afterwards. */
export type Head = (lexer: Lexer, draft: Draft, modes: Modes) => void;

const ddl: Head = (lexer, draft) => {
  draft.is('ddl');
  draft.require('primary', 'ddl');
  draft.implicitCommit = true;
  skim(lexer, draft);
};

/** Administration of one server; most of it commits. */
const admin: Head = (lexer, draft) => {
  draft.is('admin');
  draft.require('primary', 'administration');
  draft.implicitCommit = true;
  skim(lexer, draft);
};

const adminWithoutCommit: Head = (lexer, draft) => {
  draft.is('admin');
  draft.require('primary', 'administration');
  skim(lexer, draft);
};

/** FLUSH; with READ LOCK or FOR EXPORT it holds locks until UNLOCK TABLES. */
const flush: Head = (lexer, draft) => {
  draft.is('admin');
  draft.require('primary', 'administration');
  draft.implicitCommit = true;
  let locks = false;
  for (; !atEnd(lexer); lexer.next()) if (lexer.word === word.read || lexer.word === word.for) locks = true;
  if (locks) draft.pin('table locks');
};

/** BACKUP STAGE and BACKUP LOCK hold locks on their connection. */
const backup: Head = (lexer, draft, modes) => {
  draft.pin('table locks', 'backup');
  admin(lexer, draft, modes);
};

/** A compound statement outside a stored program. @see https://mariadb.com/kb/en/using-compound-statements-outside-of-stored-programs/ */
export const compound: Head = (lexer, draft) => {
  draft.is('write');
  draft.require('primary', 'compound');
  draft.resend = false;
  draft.pin('routine');
  skimBody(lexer);
};

const analyze: Head = (lexer, draft, modes) => {
  const words: readonly number[] = [word.table, word.no_write_to_binlog, word.local];
  lexer.next();
  if (words.includes(lexer.word)) {
    ddl(lexer, draft, modes);
    return;
  }
  analyzeHead(lexer, draft, modes);
};

const heads = new Map<number, Head>([
  [word.select, queryHead],
  [word.with, queryHead],
  [word.values, queryHead],
  [word.insert, insertHead],
  [word.replace, insertHead],
  [word.update, updateHead],
  [word.delete, deleteHead],
  [word.load, loadHead],
  [word.set, setHead],
  [word.show, showHead],
  [word.explain, (lexer, draft, modes) => afterFirst(lexer, draft, modes, explainHead)],
  [word.describe, (lexer, draft, modes) => afterFirst(lexer, draft, modes, explainHead)],
  [word.desc, (lexer, draft, modes) => afterFirst(lexer, draft, modes, explainHead)],
  [word.analyze, analyze],
  [word.begin, beginHead],
  [word.start, startHead],
  [word.commit, commitHead],
  [word.rollback, rollbackHead],
  [word.savepoint, savepointHead],
  [word.release, releaseHead],
  [word.xa, xaHead],
  [word.use, useHead],
  [word.do, doHead],
  [word.call, callHead],
  [word.prepare, prepareHead],
  [word.execute, executeHead],
  [word.deallocate, deallocateHead],
  [word.handler, handlerHead],
  [word.lock, lockHead],
  [word.unlock, unlockHead],
  [word.kill, killHead],
  [word.get, signalHead],
  [word.signal, signalHead],
  [word.resignal, signalHead],
  [word.create, createHead],
  [word.drop, dropHead],
  [word.alter, renameHead],
  [word.rename, renameHead],
  [word.truncate, ddl],
  [word.grant, ddl],
  [word.revoke, ddl],
  [word.optimize, ddl],
  [word.repair, ddl],
  [word.check, admin],
  [word.checksum, adminWithoutCommit],
  [word.flush, flush],
  [word.reset, admin],
  [word.change, admin],
  [word.stop, admin],
  [word.purge, adminWithoutCommit],
  [word.install, admin],
  [word.uninstall, admin],
  [word.cache, admin],
  [word.backup, backup],
  [word.binlog, adminWithoutCommit],
  [word.help, adminWithoutCommit],
  [word.shutdown, adminWithoutCommit],
  [word.if, compound],
  [word.case, compound],
  [word.loop, compound],
  [word.while, compound],
  [word.repeat, compound],
  [word.for, compound],
  [word.declare, compound],
]);

function afterFirst(lexer: Lexer, draft: Draft, modes: Modes, next: Head): void {
  lexer.next();
  next(lexer, draft, modes);
}

/** Reads the statement that begins at the current token. */
export function head(lexer: Lexer, draft: Draft, modes: Modes): void {
  if (isPunctuation(lexer, '(')) {
    queryHead(lexer, draft, modes);
    return;
  }
  const read = lexer.kind === token.word ? heads.get(lexer.word) : undefined;
  if (read !== undefined) {
    read(lexer, draft, modes);
    return;
  }
  if (isName(lexer)) {
    lexer.next();
    if (isPunctuation(lexer, ':')) {
      compound(lexer, draft, modes);
      return;
    }
  }
  draft.is('unknown');
  draft.require('primary', 'not understood');
  draft.resend = false;
  draft.pin('text');
  skim(lexer, draft);
}
