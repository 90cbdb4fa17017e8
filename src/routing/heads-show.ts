/** SHOW, DESCRIBE, EXPLAIN and ANALYZE. */
import type { Draft } from './draft.ts';
import type { Head } from './heads.ts';
import { deleteHead, insertHead, plannedQueryHead, queryHead, updateHead } from './heads-data.ts';
import type { Lexer } from './lexer.ts';
import type { Modes } from './modes.ts';
import { isName, isPunctuation, rawText, readObjectName } from './names.ts';
import { scan } from './scan.ts';
import { previousShows, replicaShowCreates, replicaShows } from './show-data.ts';
import { skim } from './skim.ts';
import { token } from './token.ts';
import { word } from './words.ts';

function currentWord(lexer: Lexer): string {
  return lexer.kind === token.word ? rawText(lexer).toLowerCase() : '';
}

/** SHOW [FULL | EXTENDED] kind …, and SHOW CREATE kind … */
export const showHead: Head = (lexer, draft) => {
  draft.is('read');
  lexer.next();
  let kind = currentWord(lexer);
  while (kind === 'full' || kind === 'extended') {
    lexer.next();
    kind = currentWord(lexer);
  }
  if (previousShows.has(kind)) {
    draft.require('previous', 'diagnostics');
    skim(lexer, draft);
    return;
  }
  let allowed = replicaShows.has(kind);
  if (kind === 'create') {
    lexer.next();
    allowed = replicaShowCreates.has(currentWord(lexer));
  }
  if (allowed) draft.require('replica', 'read');
  else draft.require('primary', 'member value');
  lexer.next();
  showRest(lexer, draft);
};

/** [FROM | IN] names, LIKE, WHERE: the names are of tables or schemas, WHERE is an expression. */
function showRest(lexer: Lexer, draft: Draft): void {
  // The default schema, when none is named.
  if (lexer.word !== word.from && lexer.word !== word.in) draft.table({ schema: undefined, name: '' });
  while (lexer.word === word.from || lexer.word === word.in) {
    lexer.next();
    const name = readObjectName(lexer);
    // One name may be a table or a schema: `resolve` minds only the schemas that each member has of its own.
    if (name !== undefined) draft.table({ schema: name.schema ?? name.name, name: '' });
  }
  scan(lexer, draft);
}

/** What follows EXPLAIN or DESCRIBE, which may run parts of the statement. */
export const explainHead: Head = (lexer, draft, modes) => plan(lexer, draft, modes, plannedQueryHead);

/** What follows ANALYZE, which runs the statement. */
export const analyzeHead: Head = (lexer, draft, modes) => plan(lexer, draft, modes, queryHead);

function plan(lexer: Lexer, draft: Draft, modes: Modes, query: Head): void {
  while (lexer.word === word.extended || lexer.word === word.partitions || lexer.word === word.format) {
    const format = lexer.word === word.format;
    lexer.next();
    if (!format) continue;
    if (!isPunctuation(lexer, '=')) break;
    lexer.next();
    lexer.next();
  }
  const next = lexer.word;
  if (next === word.select || next === word.with || next === word.values || isPunctuation(lexer, '(')) {
    query(lexer, draft, modes);
  } else if (next === word.insert || next === word.replace) insertHead(lexer, draft, modes);
  else if (next === word.update) updateHead(lexer, draft, modes);
  else if (next === word.delete) deleteHead(lexer, draft, modes);
  else if (next === word.for || !isName(lexer)) {
    draft.is('read');
    draft.require('primary', next === word.for ? 'member value' : 'not understood');
    skim(lexer, draft);
  } else describe(lexer, draft);
}

/** DESCRIBE table [column | 'pattern'] */
function describe(lexer: Lexer, draft: Draft): void {
  draft.is('read');
  draft.require('replica', 'read');
  const table = readObjectName(lexer);
  if (table !== undefined) draft.table(table);
  skim(lexer, draft);
}
