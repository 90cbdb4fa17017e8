/** From SQL text to what the router must know of it. */
import { Draft } from './draft.ts';
import { head } from './heads.ts';
import { Lexer } from './lexer.ts';
import { defaultModes, type Modes } from './modes.ts';
import { isPunctuation } from './names.ts';
import { ReadOtherwise } from './read-otherwise.ts';
import type { Reason } from './reason.ts';
import type { Hints, Statement } from './statement.ts';
import { token } from './token.ts';

/** One for all: analysis isn't re-entrant, and the tokeniser allocates nothing between statements. */
const lexer = new Lexer();
const noBytes = new Uint8Array(0);

/**
 * Reads the text of one COM_QUERY or COM_STMT_PREPARE. Never throws: what can't be read is of class `unknown`.
 *
 * `complete` false: `sql` is only the beginning of a long text; then it is told by its first words alone, goes to the
 * primary, and its session stays on one connection, for the rest may hold anything.
 */
export function analyse(sql: Uint8Array | string, modes: Modes = defaultModes, complete = true): Statement {
  const bytes = typeof sql === 'string' ? Buffer.from(sql) : sql;
  if (modes.sqlMode === undefined || modes.sqlMode.foreign) {
    const statement = opaque('sql mode', {});
    return { ...statement, effects: [...statement.effects, ...killIn(bytes, modes)] };
  }
  const draft = new Draft();
  let otherwise: ReadOtherwise | undefined;
  lexer.start(bytes, modes);
  lexer.next();
  while (lexer.kind !== token.end) {
    if (isPunctuation(lexer, ';')) {
      lexer.nextStatement();
      continue;
    }
    draft.parts++;
    if (draft.parts === 2) draft.require('primary', 'multi-statement');
    if (draft.parts >= 2 && !lexer.odd) {
      otherwise ??= new ReadOtherwise(bytes);
      if (otherwise.from(lexer.from, draft.effects)) lexer.odd = true;
    }
    head(lexer, draft, modes);
  }
  const { hints, versioned } = lexer;
  const { odd } = lexer;
  lexer.bytes = noBytes; // Keeps no client's text alive.
  if (!complete) return { ...opaque('too long', hints), class: draft.class };
  if (odd) return opaque('not understood', hints);
  if (versioned) {
    draft.require('primary', 'version comment');
    draft.resend = false;
  }
  return draft.finish(hints);
}

/** KILL is read alike in every SQL mode; who must do it is not the server. */
function killIn(bytes: Uint8Array, modes: Modes): Statement['effects'] {
  const longest = 100;
  if (bytes.length > longest || !/^\s*KILL[\w\s]+;?\s*$/i.test(Buffer.from(bytes).toString('latin1')))
    return [];
  const { effects } = analyse(bytes, { ...modes, sqlMode: defaultModes.sqlMode });
  return effects.filter(({ kind }) => kind === 'kill');
}

/** What wasn't understood: anything may be in it. */
function opaque(reason: Reason, hints: Hints): Statement {
  return {
    class: 'unknown',
    target: 'primary',
    reason,
    implicitCommit: false,
    resend: false,
    parts: 1,
    effects: [{ kind: 'pin', pin: 'text', name: reason }],
    tables: [],
    routines: [],
    hints,
    tableless: false,
    foundRows: false,
    usesInsertId: true,
  };
}

/** What COM_INIT_DB does. */
export function useStatement(schema: string): Statement {
  return {
    class: 'session',
    // As USE: whether the schema is there is read.
    target: 'replica',
    reason: 'replayable session state',
    implicitCommit: false,
    resend: true,
    parts: 1,
    effects: [{ kind: 'use', schema }],
    tables: [],
    routines: [],
    hints: {},
    tableless: false,
    foundRows: false,
    usesInsertId: false,
  };
}
