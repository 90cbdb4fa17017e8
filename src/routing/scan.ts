/**
 * Reads a query, or the expressions of a statement, to its end: which tables and routines it names, and what in it is
 * not for a replica. One pass over the tokens, one level per parenthesis.
 */
import { CommonTables } from './common-tables.ts';
import type { Draft } from './draft.ts';
import { type Lexer, token } from './lexer.ts';
import { atEnd, isName, isPunctuation, nameBetween, nameText, readObjectName } from './names.ts';
import { flags, reasonOf, word, wordFlag } from './words.ts';

export interface ScanStart {
  /** The text begins in a list of tables (UPDATE). */
  readonly tables?: boolean;
  /** Ends also at a comma outside parentheses (the values of SET). */
  readonly stopAtComma?: boolean;
  /** INTO, locks and FOR are no reasons of their own: the statement is for the primary in any case. */
  readonly writes?: boolean;
}

/** One parenthesis. */
interface Level {
  /** In a FROM clause, where a comma is followed by a table. */
  from: boolean;
  /** A table comes next. */
  expect: boolean;
  /** SELECT or VALUES was there: WITH no longer begins common table expressions. */
  begun: boolean;
  /** FROM belongs to a function: EXTRACT(… FROM …). */
  ownFrom: boolean;
  /** Of JSON_TABLE, where COLUMNS is followed by a list. */
  jsonTable: boolean;
  /** The body of a common table expression. */
  common: boolean;
}

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

const ownFrom: ReadonlySet<number> = new Set([
  word.extract,
  word.trim,
  word.substring,
  word.substr,
  word.mid,
]);

/** What may follow FOR in a plain read: system versions and index hints. */
const plainFor: ReadonlySet<number> = new Set([
  ...[word.system_time, word.system, word.join, word.order, word.group],
]);

/** Clauses that end a list of tables. */
const endsFrom: ReadonlySet<number> = new Set([
  ...[word.where, word.group, word.having, word.order, word.limit, word.set, word.window, word.union],
  ...[word.except, word.intersect, word.values, word.select, word.procedure, word.returning],
]);

const newLevel = (from: boolean): Level => ({
  from,
  expect: from,
  begun: false,
  ownFrom: false,
  jsonTable: false,
  common: false,
});

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
  /** The token before: its kind, its word, and whether a parenthesis after it makes it a call. */
  #kind: number = token.end;
  #word = 0;
  #callable = false;
  /** The word before that. */
  #wordBefore = 0;
  /** Where the name before stands, and the schema in front of it; no text is made of them unless it is a routine. */
  #nameFrom = 0;
  #nameTo = 0;
  #schemaFrom = 0;
  #schemaTo = 0;
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
      if (this.#word === word.for) this.#afterFor();
      if (this.#setsInsertId) this.#insertId();
      if (lexer.kind === token.word || lexer.kind === token.quotedName) this.#nameOrWord();
      else this.#other();
    }
    if (this.#outer.length > 0) lexer.odd = true;
  }

  #remember(kind: number, number: number): void {
    this.#kind = kind;
    this.#wordBefore = this.#word;
    this.#word = number;
    this.#callable = false;
  }

  #nameOrWord(): void {
    const lexer = this.#lexer;
    const number = lexer.word;
    if (this.#level.expect) {
      this.#level.expect = false;
      const table = lexer.kind === token.quotedName || !this.#isNoTable(number);
      if (table) {
        this.#table();
        return;
      }
    }
    if (number !== 0 && this.#keyword(number)) return;
    this.#remember(lexer.kind, number);
    this.#callable = true;
    this.#nameFrom = lexer.from;
    this.#nameTo = lexer.to;
    this.#schemaTo = 0;
    lexer.next();
    if (isPunctuation(lexer, '.')) this.#qualified();
  }

  /** What can stand in the place of a table. */
  #isNoTable(number: number): boolean {
    const { select, values, with: withWord, json_table: jsonTable, dual, lateral } = word;
    return (
      number !== 0 &&
      (number === select ||
        number === values ||
        number === withWord ||
        number === jsonTable ||
        number === dual ||
        number === lateral)
    );
  }

  #table(): void {
    const name = readObjectName(this.#lexer);
    if (name === undefined) return;
    if (name.schema !== undefined || !this.#common?.has(name.name)) this.#draft.table(name);
    this.#remember(token.quotedName, 0);
  }

  /** `a.b` or `a.b.c`: a stored routine if a parenthesis follows. */
  #qualified(): void {
    const lexer = this.#lexer;
    while (isPunctuation(lexer, '.')) {
      lexer.next();
      if (!isName(lexer)) break;
      this.#schemaFrom = this.#nameFrom;
      this.#schemaTo = this.#nameTo;
      this.#nameFrom = lexer.from;
      this.#nameTo = lexer.to;
      lexer.next();
    }
    this.#remember(token.quotedName, 0);
    this.#callable = true;
  }

  /** True when it has gone on already. */
  #keyword(number: number): boolean {
    const level = this.#level;
    if (endsFrom.has(number)) {
      if (this.#word !== word.for) level.from = false;
      if (number === word.select || number === word.values) level.begun = true;
      if (number === word.procedure) this.#draft.require('primary', 'not understood');
    } else if (number === word.from) {
      if (!level.ownFrom) level.from = level.expect = true;
    } else if (number === word.join || number === word.straight_join) {
      if (level.from && this.#word !== word.for) level.expect = true;
    } else if (number === word.with) {
      return !level.begun && this.#with();
    } else if (number === word.into) {
      this.#into();
    } else if (number === word.lock) {
      if (!this.#start.writes) this.#draft.require('primary', 'locking read');
    } else if (number === word.value) {
      if (this.#word === word.next || this.#word === word.previous)
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
    this.#remember(token.word, word.as);
    lexer.next();
    if (!isPunctuation(lexer, '(')) {
      lexer.odd = true;
      return;
    }
    this.#common ??= new CommonTables();
    this.#common.declare(name, this.#outer.length, this.#recursive);
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
        this.#remember(kind, 0);
        if (this.#level.from) this.#level.expect = true;
      } else {
        if (char === punctuation.colon) this.#assignment();
        if (char === punctuation.openBracket || char === punctuation.closeBracket) lexer.odd = true;
        this.#remember(kind, 0);
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
      this.#remember(kind, 0);
    }
    lexer.next();
  }

  /** @@[scope .] name */
  #systemVariable(): void {
    const lexer = this.#lexer;
    lexer.next();
    let name = isName(lexer) ? nameText(lexer).toLowerCase() : '';
    if (isName(lexer)) lexer.next();
    if (isPunctuation(lexer, '.')) {
      lexer.next();
      if (isName(lexer) && name === 'session') name = nameText(lexer).toLowerCase();
    }
    this.#draft.usesInsertId = true;
    const diagnostics = name === 'warning_count' || name === 'error_count';
    this.#draft.require(diagnostics ? 'previous' : 'primary', diagnostics ? 'diagnostics' : 'member value');
    if (isName(lexer)) lexer.next();
    this.#remember(token.systemVariable, 0);
  }

  /** `:=` sets a user variable; a colon has no other meaning. */
  #assignment(): void {
    if (this.#kind === token.userVariable) this.#draft.pin('user variables');
    else this.#lexer.odd = true;
  }

  #open(): void {
    const parent = this.#level;
    const child = newLevel(parent.expect);
    parent.expect = false;
    if (this.#callable) this.#call(parent, child);
    if (this.#outer.length >= deepest) this.#lexer.odd = true;
    this.#outer.push(parent);
    this.#level = child;
    this.#remember(token.punctuation, 0);
  }

  #close(): void {
    const lexer = this.#lexer;
    const { common } = this.#level;
    const parent = this.#outer.pop();
    if (parent === undefined) lexer.odd = true;
    this.#level = parent ?? newLevel(false);
    this.#common?.leave(this.#outer.length);
    this.#remember(token.punctuation, 0);
    lexer.next();
    if (!common) return;
    this.#common?.complete(this.#outer.length);
    if (isPunctuation(lexer, ',')) {
      lexer.next();
      this.#commonTable();
    }
  }

  /** A name before an opening parenthesis. */
  #call(parent: Level, child: Level): void {
    const flag = this.#kind === token.word ? (flags[this.#word] ?? 0) : 0;
    if ((flag & wordFlag.pure) !== 0) {
      child.ownFrom = ownFrom.has(this.#word);
      child.jsonTable = this.#word === word.json_table;
    } else if (this.#word === word.columns && parent.jsonTable) child.jsonTable = true;
    else if ((flag & wordFlag.special) !== 0) this.#special();
    else if ((flag & wordFlag.beforeParenthesis) !== 0) return;
    else if ((flag & wordFlag.castType) !== 0 && this.#wordBefore === word.as) return;
    else this.#routine();
  }

  /** A built-in function that has its reason in the table. */
  #special(): void {
    const number = this.#word;
    const reason = reasonOf[number] ?? 'not understood';
    this.#draft.require(reason === 'diagnostics' ? 'previous' : 'primary', reason);
    if (number === word.get_lock) this.#draft.pin('lock');
    if (number === word.last_insert_id) {
      this.#setsInsertId = true;
      this.#draft.usesInsertId = true;
    }
  }

  #insertId(): void {
    this.#setsInsertId = false;
    if (!isPunctuation(this.#lexer, ')')) this.#draft.pin('insert id');
  }

  #routine(): void {
    const { bytes } = this.#lexer;
    const name = nameBetween(bytes, this.#nameFrom, this.#nameTo);
    const schema = this.#schemaTo === 0 ? undefined : nameBetween(bytes, this.#schemaFrom, this.#schemaTo);
    this.#draft.routine({ schema, name });
  }
}
