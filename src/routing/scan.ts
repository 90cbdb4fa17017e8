/**
 * Reads a query, or the expressions of a statement, to its end: which tables and routines it names, and what in it is
 * not for a replica. One pass over the tokens, one level per parenthesis.
 */
import { Before } from './before.ts';
import { CommonTables } from './common-tables.ts';
import type { Draft } from './draft.ts';
import type { Lexer } from './lexer.ts';
import { atEnd, isName, isPunctuation, nameText, readObjectName, readSystemVariable } from './names.ts';
import { readCall } from './scan-call.ts';
import { endsFrom, type Level, newLevel, notTable, plainFor } from './scan-level.ts';
import { token } from './token.ts';
import { word } from './words.ts';

export interface ScanStart {
  /** The text begins in a list of tables (UPDATE). */
  readonly tables?: boolean;
  /** Ends also at a comma outside parentheses (the values of SET). */
  readonly stopAtComma?: boolean;
  /** INTO, locks and FOR are no reasons of their own: the statement is for the primary in any case. */
  readonly writes?: boolean;
}

/** What tells members apart, and nothing else: a statement that asks for a replica may ask which one it got. */
const memberNames: ReadonlySet<string> = new Set(['hostname', 'server_id']);
/** Deeper nesting isn't read. */
const deepest = 200;
const punctuation = {
  open: 40,
  close: 41,
  comma: 44,
  dot: 46,
  colon: 58,
  openBracket: 91,
  closeBracket: 93,
} as const;

/** Reads from the current token to the end of the statement, which is the current token afterwards. */
export function scan(lexer: Lexer, draft: Draft, start: ScanStart = {}): void {
  new Scan(lexer, draft, start).run();
}

class Scan {
  readonly #lexer: Lexer;
  readonly #draft: Draft;
  readonly #start: ScanStart;
  readonly #outer: Level[] = [];
  #level: Level;
  #common: CommonTables | undefined;
  readonly #before = new Before();
  #recursive = false;
  /** INTO was read: variables after it are set. */
  #intoSeen = false;
  /** LAST_INSERT_ID( was read: with an argument it sets the value. */
  #setsInsertId = false;

  constructor(lexer: Lexer, draft: Draft, start: ScanStart) {
    this.#lexer = lexer;
    this.#draft = draft;
    this.#start = start;
    this.#level = newLevel(start.tables ?? false);
  }

  run(): void {
    const lexer = this.#lexer;
    while (!atEnd(lexer)) {
      const outside = this.#outer.length === 0;
      if (outside && this.#start.stopAtComma && isPunctuation(lexer, ',')) return;
      if (this.#before.word === word.for) this.#afterFor();
      if (this.#setsInsertId) this.#insertId();
      if (lexer.kind === token.word || lexer.kind === token.quotedName) this.#nameOrWord();
      else this.#other();
    }
    if (this.#outer.length > 0) lexer.odd = true;
  }

  #nameOrWord(): void {
    const lexer = this.#lexer;
    const number = lexer.word;
    if (this.#level.expect) {
      this.#level.expect = false;
      if (number === 0 || !notTable.has(number)) {
        this.#table();
        return;
      }
    }
    if (number === 0 || !this.#keyword(number)) this.#before.readName(lexer);
  }

  #table(): void {
    const name = readObjectName(this.#lexer);
    if (name === undefined) return;
    if (name.schema !== undefined || !this.#common?.has(name.name)) this.#draft.table(name);
    this.#before.set(token.quotedName, 0);
  }

  /** True when it has gone on already. */
  #keyword(number: number): boolean {
    const level = this.#level;
    if (endsFrom.has(number)) {
      if (this.#before.word !== word.for) level.from = false;
      if (number === word.select || number === word.values) level.begun = true;
      if (number === word.procedure) this.#draft.require('primary', 'not understood');
    } else if (number === word.from) {
      if (!level.ownFrom) level.from = level.expect = true;
    } else if (number === word.join || number === word.straight_join) {
      if (level.from && this.#before.word !== word.for) level.expect = true;
    } else if (number === word.with) {
      return !level.begun && this.#with();
    } else if (number === word.into) {
      this.#into();
    } else if (number === word.lock) {
      if (!this.#start.writes) this.#draft.require('primary', 'locking read');
    } else if (number === word.value) {
      if (this.#before.word === word.next || this.#before.word === word.previous)
        this.#draft.require('primary', 'sequence');
    } else if (number === word.sql_calc_found_rows) {
      this.#draft.foundRows = true;
    }
    return false;
  }

  /** INTO of a SELECT: a file, or variables. */
  #into(): void {
    if (this.#start.writes) return;
    this.#draft.require('primary', 'select into');
    this.#intoSeen = true;
  }

  /** FOR UPDATE and whatever else isn't known to be plain. NEXT VALUE FOR has its reason already. */
  #afterFor(): void {
    const { ownFrom: own, jsonTable } = this.#level;
    if (this.#start.writes || own || jsonTable || plainFor.has(this.#lexer.word)) return;
    this.#draft.require('primary', 'locking read');
  }

  /** WITH [RECURSIVE] name [(columns)] AS ( …; the bodies are read as any other parenthesis. */
  #with(): boolean {
    const lexer = this.#lexer;
    lexer.next();
    const recursive = lexer.word === word.recursive;
    if (recursive) lexer.next();
    this.#recursive = recursive;
    this.#commonTable();
    return true;
  }

  #commonTable(): void {
    const lexer = this.#lexer;
    const name = isName(lexer) ? nameText(lexer) : '';
    lexer.next();
    if (isPunctuation(lexer, '(')) {
      while (!atEnd(lexer) && !isPunctuation(lexer, ')')) lexer.next();
      lexer.next();
    }
    if (name === '' || lexer.word !== word.as) {
      lexer.odd = true;
      return;
    }
    this.#before.set(token.word, word.as);
    lexer.next();
    if (!isPunctuation(lexer, '(')) {
      lexer.odd = true;
      return;
    }
    this.#common ??= new CommonTables();
    if (!this.#common.declare(name, this.#outer.length, this.#recursive)) lexer.odd = true;
    this.#open();
    this.#level.common = true;
    lexer.next();
  }

  /** Everything but names and words. */
  #other(): void {
    const lexer = this.#lexer;
    const { kind, char } = lexer;
    if (kind === token.punctuation) {
      if (char === punctuation.open) this.#open();
      else if (char === punctuation.close) {
        this.#close();
        return;
      } else if (char === punctuation.comma) {
        this.#before.set(kind, 0);
        if (this.#level.from) this.#level.expect = true;
      } else {
        if (char === punctuation.colon) this.#assignment();
        if (char === punctuation.openBracket || char === punctuation.closeBracket) lexer.odd = true;
        this.#before.set(kind, 0);
      }
    } else {
      if (kind === token.userVariable) {
        this.#draft.variables = true;
        this.#draft.require('primary', 'user variable');
        if (this.#intoSeen) this.#draft.pin('user variables');
      }
      if (kind === token.systemVariable) {
        this.#systemVariable();
        return;
      }
      this.#before.set(kind, 0);
    }
    lexer.next();
  }

  #systemVariable(): void {
    const name = readSystemVariable(this.#lexer);
    this.#before.set(token.systemVariable, 0);
    if (memberNames.has(name)) {
      this.#draft.memberName = true;
      return;
    }
    this.#draft.usesInsertId = true;
    const diagnostics = name === 'warning_count' || name === 'error_count';
    this.#draft.require(diagnostics ? 'previous' : 'primary', diagnostics ? 'diagnostics' : 'member value');
  }

  /** `:=` sets a user variable; a colon has no other meaning. */
  #assignment(): void {
    if (this.#before.kind === token.userVariable) this.#draft.pin('user variables');
    else this.#lexer.odd = true;
  }

  #open(): void {
    const parent = this.#level;
    const child = newLevel(parent.expect);
    parent.expect = false;
    if (this.#before.callable) {
      this.#setsInsertId = this.#before.word === word.last_insert_id;
      readCall(this.#before, this.#lexer.bytes, this.#draft, parent, child);
    }
    if (this.#outer.length >= deepest) this.#lexer.odd = true;
    this.#outer.push(parent);
    this.#level = child;
    this.#before.set(token.punctuation, 0);
  }

  #close(): void {
    const lexer = this.#lexer;
    const { common } = this.#level;
    const parent = this.#outer.pop();
    if (parent === undefined) lexer.odd = true;
    this.#level = parent ?? newLevel(false);
    this.#common?.leave(this.#outer.length);
    this.#before.set(token.punctuation, 0);
    lexer.next();
    if (!common) return;
    this.#common?.complete(this.#outer.length);
    if (isPunctuation(lexer, ',')) {
      lexer.next();
      this.#commonTable();
    }
  }

  #insertId(): void {
    this.#setsInsertId = false;
    if (!isPunctuation(this.#lexer, ')')) this.#draft.pin('insert id');
  }
}
