/**
 * What the definitions in the database say about reads: which names are plain tables, which views and routines only
 * read. Built from rows of information_schema; the router reads them anew after DDL.
 */
import { analyse } from './analyse.ts';
import { memberSchemas } from './member-schemas.ts';
import { defaultModes, type Modes } from './modes.ts';
import { routineNature } from './routine-body.ts';
import type { Statement } from './statement.ts';

/** information_schema.TABLES; `engine` null for views. */
export interface TableRow {
  readonly schema: string;
  readonly name: string;
  readonly engine: string | null;
}

/** information_schema.VIEWS. */
export interface ViewRow {
  readonly schema: string;
  readonly name: string;
  readonly definition: string;
}

/** information_schema.ROUTINES and PARAMETERS (the names alone); `body` null when it may not be seen. */
export interface RoutineRow {
  readonly schema: string;
  readonly name: string;
  readonly kind: 'FUNCTION' | 'PROCEDURE';
  readonly body: string | null;
  readonly sqlMode: string;
  readonly parameters: readonly string[];
}

/** information_schema.TRIGGERS. */
export interface TriggerRow {
  readonly schema: string;
  readonly table: string;
  readonly body: string;
  readonly sqlMode: string;
}

export interface CatalogueRows {
  readonly tables: readonly TableRow[];
  readonly views: readonly ViewRow[];
  readonly routines: readonly RoutineRow[];
  readonly triggers: readonly TriggerRow[];
}

/** What a table or view is for a read; `unknown`: not in the catalogue. */
export type TableNature = 'rows' | 'reads' | 'calls' | 'other engine' | 'unknown';

/** `pure`: it only reads. `stateless`: it may write, and leaves nothing in the session. */
export type RoutineNature = 'pure' | 'stateless' | 'stateful' | 'unknown';

/** `stateful`: they may leave something in the session, or ask for what it has. */
export type TriggerNature = 'none' | 'stateless' | 'stateful';

export interface Catalogue {
  table(schema: string, name: string): TableNature;
  function(schema: string, name: string): RoutineNature;
  procedure(schema: string, name: string): RoutineNature;
  /** What the triggers do that a write to the table, or through the view, fires. */
  triggers(schema: string, table: string): TriggerNature;
}

/** Replicated row by row, with the rows there after a restart. */
const replicatedEngines: ReadonlySet<string> = new Set(['innodb', 'aria', 'myisam', 'rocksdb', 'sequence']);

/** Sequences `seq_1_to_10` and `seq_1_to_10_step_2` of the SEQUENCE engine, which are in no catalogue. */
const numbers = /^seq_\d+_to_\d+(_step_\d+)?$/;

/** Views and routines that use each other over more steps than this aren't followed: anybody may define thousands. */
const longestChain = 100;

const keyOf = (schema: string, name: string): string => `${schema}\0${name}`;
/** Names of routines are compared without letter case. */
const routineKey = (schema: string, name: string): string => keyOf(schema, name.toLowerCase());

interface View {
  readonly schema: string;
  readonly statement: Statement;
}

export function buildCatalogue(rows: CatalogueRows, modes: Modes = defaultModes): Catalogue {
  return new BuiltCatalogue(rows, modes);
}

class BuiltCatalogue implements Catalogue {
  readonly #tables = new Map<string, TableNature>();
  readonly #views = new Map<string, View>();
  readonly #functions = new Map<string, RoutineRow>();
  readonly #procedures = new Map<string, RoutineRow>();
  readonly #triggers = new Map<string, TriggerNature>();
  readonly #natures = new Map<RoutineRow, RoutineNature>();
  readonly #modes: Modes;
  /** Views and routines that are being read, each for the one before. */
  #chain = 0;

  constructor(rows: CatalogueRows, modes: Modes) {
    this.#modes = modes;
    for (const { schema, name, engine } of rows.tables) {
      if (engine === null) continue;
      const replicated = replicatedEngines.has(engine.toLowerCase());
      this.#tables.set(keyOf(schema, name), replicated ? 'rows' : 'other engine');
    }
    for (const { schema, name, definition } of rows.views) {
      this.#views.set(keyOf(schema, name), { schema, statement: analyse(definition, modes) });
    }
    for (const row of rows.routines) {
      const routines = row.kind === 'FUNCTION' ? this.#functions : this.#procedures;
      routines.set(routineKey(row.schema, row.name), row);
    }
    for (const { schema, table, body, sqlMode } of rows.triggers) {
      const key = keyOf(schema, table);
      const nature = routineNature({ schema, body, sqlMode, parameters: [] }, modes, this);
      if (nature === 'stateful') this.#triggers.set(key, nature);
      else if (!this.#triggers.has(key)) this.#triggers.set(key, 'stateless');
    }
  }

  table(schema: string, name: string): TableNature {
    const key = keyOf(schema, name);
    const known = this.#tables.get(key);
    if (known !== undefined) return known;
    const view = this.#views.get(key);
    if (view === undefined) return numbers.test(name) ? 'rows' : 'unknown';
    if (this.#chain >= longestChain) return 'calls';
    this.#tables.set(key, 'calls'); // What names itself, over whatever detour, is not for replicas.
    this.#chain++;
    const nature = this.#viewNature(view);
    this.#chain--;
    this.#tables.set(key, nature);
    return nature;
  }

  #viewNature({ schema, statement }: View): TableNature {
    const routineOnly = statement.target === 'primary' && statement.reason === 'stored routine';
    if (statement.target !== 'replica' && !routineOnly) return 'calls';
    for (const { schema: own, name } of statement.routines) {
      if (this.function(own ?? schema, name) !== 'pure') return 'calls';
    }
    for (const { schema: own, name } of statement.tables) {
      if (memberSchemas.has((own ?? schema).toLowerCase())) return 'calls';
      const nature = this.table(own ?? schema, name);
      if (nature !== 'rows' && nature !== 'reads') return nature;
    }
    return 'reads';
  }

  function(schema: string, name: string): RoutineNature {
    return this.#routine(this.#functions.get(routineKey(schema, name)));
  }

  procedure(schema: string, name: string): RoutineNature {
    return this.#routine(this.#procedures.get(routineKey(schema, name)));
  }

  triggers(schema: string, table: string): TriggerNature {
    const key = keyOf(schema, table);
    const known = this.#triggers.get(key);
    if (known !== undefined) return known;
    const view = this.#views.get(key);
    if (view === undefined) return 'none';
    this.#triggers.set(key, 'none'); // Until it is known: a view can name itself over a detour.
    const natures = view.statement.tables.map(({ schema: own, name }) =>
      this.triggers(own ?? view.schema, name),
    );
    const strictest = (['stateful', 'stateless'] as const).find((nature) => natures.includes(nature));
    this.#triggers.set(key, strictest ?? 'none');
    return strictest ?? 'none';
  }

  #routine(row: RoutineRow | undefined): RoutineNature {
    if (row === undefined || row.body === null) return 'unknown';
    const known = this.#natures.get(row);
    if (known !== undefined) return known;
    if (this.#chain >= longestChain) return 'stateful';
    this.#natures.set(row, 'stateful'); // As above: recursion is never harmless.
    this.#chain++;
    const nature = routineNature({ ...row, body: row.body }, this.#modes, this);
    this.#chain--;
    this.#natures.set(row, nature);
    return nature;
  }
}
