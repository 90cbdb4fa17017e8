/**
 * What a stored routine or trigger may do, read from its body. A routine is `pure` only when it is one RETURN of an
 * expression that could go to a replica by itself, and `stateless` only when no word in it can leave anything in the
 * session.
 */
import type { Catalogue, RoutineNature } from './catalogue.ts';
import { Draft } from './draft.ts';
import { Lexer } from './lexer.ts';
import { memberSchemas } from './member-schemas.ts';
import { type Modes, parseSqlMode } from './modes.ts';
import { atEnd, isName, isPunctuation, nameText, readObjectName } from './names.ts';
import { scan } from './scan.ts';
import { token } from './token.ts';
import { flags, word, wordFlag } from './words.ts';

export interface RoutineBody {
  readonly schema: string;
  readonly body: string;
  readonly sqlMode: string;
  readonly parameters: readonly string[];
}

/** Looks up what a body calls; it guards against recursion itself. */
export type Lookup = Pick<Catalogue, 'table' | 'function' | 'procedure'>;

export function routineNature(routine: RoutineBody, modes: Modes, lookup: Lookup): RoutineNature {
  const sqlMode = parseSqlMode(routine.sqlMode);
  if (sqlMode === undefined || sqlMode.foreign) return 'stateful';
  const own: Modes = { ...modes, sqlMode };
  if (isPure(routine, own, lookup)) return 'pure';
  return new Walk(routine, own, lookup).stateless() ? 'stateless' : 'stateful';
}

function begin(body: string, modes: Modes): Lexer {
  const lexer = new Lexer();
  lexer.start(Buffer.from(body), modes);
  lexer.next();
  return lexer;
}

/** `RETURN expression`, or `BEGIN RETURN expression; END`. */
function isPure({ schema, body }: RoutineBody, modes: Modes, lookup: Lookup): boolean {
  const lexer = begin(body, modes);
  const block = lexer.word === word.begin;
  if (block) lexer.next();
  if (lexer.word !== word.return) return false;
  lexer.next();
  const draft = new Draft();
  draft.parts = 1;
  draft.require('replica', 'read');
  scan(lexer, draft);
  if (block) {
    while (isPunctuation(lexer, ';')) lexer.nextStatement();
    if (lexer.word !== word.end) return false;
    lexer.next();
    while (isPunctuation(lexer, ';')) lexer.nextStatement();
  }
  if (lexer.kind !== token.end || lexer.odd || lexer.versioned) return false;
  const { target, reason, tables, routines } = draft.finish({});
  if (target !== 'replica' && reason !== 'stored routine') return false;
  return (
    routines.every((name) => lookup.function(name.schema ?? schema, name.name) === 'pure') &&
    tables.every((name) => {
      if (memberSchemas.has((name.schema ?? schema).toLowerCase())) return false;
      const nature = lookup.table(name.schema ?? schema, name.name);
      return nature === 'rows' || nature === 'reads';
    })
  );
}

/** Words after which, in a body, a statement begins. */
const statementFollows: ReadonlySet<number> = new Set([
  ...[word.begin, word.else, word.do, word.loop, word.repeat, word.then, word.row],
]);

/** Words that no stateless body has. */
const stateful: ReadonlySet<number> = new Set([
  ...[word.get_lock, word.release_lock, word.release_all_locks, word.temporary, word.prepare, word.execute],
  ...[
    word.immediate,
    word.deallocate,
    word.lock,
    word.xa,
    word.last_insert_id,
    word.handler,
    word.autocommit,
  ],
]);

/** One pass over a body, in search of what could leave something in the session. */
class Walk {
  readonly #routine: RoutineBody;
  readonly #lookup: Lookup;
  readonly #lexer: Lexer;
  /** Parameters and declared variables, in lower case. */
  readonly #locals: Set<string>;
  /** In DECLARE … HANDLER FOR, up to its statement or to the end of it. */
  #handler = false;

  constructor(routine: RoutineBody, modes: Modes, lookup: Lookup) {
    this.#routine = routine;
    this.#lookup = lookup;
    this.#lexer = begin(routine.body, modes);
    this.#locals = new Set(routine.parameters.map((name) => name.toLowerCase()));
  }

  stateless(): boolean {
    const lexer = this.#lexer;
    let begins = true;
    let before = 0;
    while (lexer.kind !== token.end) {
      const number = lexer.word;
      if (lexer.kind === token.userVariable || lexer.kind === token.systemVariable) return false;
      if (number === word.declare) {
        this.#declare();
        continue;
      }
      if (number !== 0 && stateful.has(number)) return false;
      // Of a handler's conditions nobody knows here where they end, so every SET up to the semicolon is one.
      if (number === word.set && (begins || this.#handler)) {
        if (!this.#set()) return false;
        continue;
      }
      if (isPunctuation(lexer, ';') || number === word.begin) this.#handler = false;
      begins = statementFollows.has(number) || isPunctuation(lexer, ';') || isPunctuation(lexer, ':');
      if (isName(lexer)) {
        if (!this.#name(before)) return false;
      } else lexer.nextStatement();
      before = number;
    }
    return !lexer.odd && !lexer.versioned;
  }

  /** DECLARE names type …; or DECLARE … HANDLER FOR …, where the names do no harm. */
  #declare(): void {
    const lexer = this.#lexer;
    lexer.next();
    const handler = lexer.word === word.continue || lexer.word === word.exit || lexer.word === word.undo;
    if (handler) {
      this.#handler = true;
      lexer.next();
      lexer.next();
      return;
    }
    while (isName(lexer)) {
      this.#locals.add(nameText(lexer).toLowerCase());
      lexer.next();
      if (!isPunctuation(lexer, ',')) break;
      lexer.next();
    }
  }

  /** SET name = …: of a local variable or of NEW.column alone. What follows a comma must be one too. */
  #set(): boolean {
    const lexer = this.#lexer;
    do {
      lexer.next();
      const row = lexer.word === word.new;
      if (!row && !(isName(lexer) && this.#locals.has(nameText(lexer).toLowerCase()))) return false;
      lexer.next();
      if (row) {
        lexer.next();
        lexer.next();
      }
      if (isPunctuation(lexer, ':')) lexer.next();
      if (!isPunctuation(lexer, '=')) return false;
      if (!this.#value()) return false;
    } while (isPunctuation(lexer, ','));
    return true;
  }

  /** The value of SET, up to a comma outside parentheses or the end of the statement. */
  #value(): boolean {
    const lexer = this.#lexer;
    let depth = 0;
    let before = 0;
    lexer.next();
    while (!atEnd(lexer) && !(depth === 0 && isPunctuation(lexer, ','))) {
      const number = lexer.word;
      if (lexer.kind === token.userVariable || lexer.kind === token.systemVariable) return false;
      if (number !== 0 && stateful.has(number)) return false;
      if (isPunctuation(lexer, '(')) depth++;
      if (isPunctuation(lexer, ')')) depth--;
      if (isName(lexer)) {
        if (!this.#name(before)) return false;
      } else lexer.next();
      before = number;
    }
    return true;
  }

  /** A name, with its schema: what is called must be stateless itself. */
  #name(before: number): boolean {
    const lexer = this.#lexer;
    const known = lexer.kind === token.word ? (flags[lexer.word] ?? 0) : 0;
    const call = before === word.call;
    const name = readObjectName(lexer);
    if (name === undefined) return false;
    const schema = name.schema ?? this.#routine.schema;
    if (call) return isHarmless(this.#lookup.procedure(schema, name.name));
    if (!isPunctuation(lexer, '(') || before === word.into || before === word.table) return true;
    const builtIn = (known & (wordFlag.pure | wordFlag.special | wordFlag.beforeParenthesis)) !== 0;
    if (name.schema === undefined && (builtIn || dataTypes.has(name.name.toLowerCase()))) return true;
    return isHarmless(this.#lookup.function(schema, name.name));
  }
}

function isHarmless(nature: RoutineNature): boolean {
  return nature === 'pure' || nature === 'stateless';
}

/** Types of DECLARE and CAST that have a length; a function of such a name is looked up nowhere else either. */
const dataTypes: ReadonlySet<string> = new Set([
  'int',
  'integer',
  'bigint',
  'smallint',
  'tinyint',
  'datetime',
  'bit',
]);
