/** Reads what the definitions in the database mean for reads, and reads it again after DDL. */
import { capability } from '#src/mysql-wire/capabilities.ts';
import { buildCatalogue, type Catalogue, type RoutineRow } from '#src/routing/catalogue.ts';
import type { RouterAccount } from '../config.ts';
import type { MemberPools } from '../servers/members.ts';
import { MonitorConnection, ownKey } from '../servers/monitor-connections.ts';
import type { RouterLog } from '../session/host.ts';

const tablesSql = 'SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_TYPE FROM information_schema.TABLES';
const viewsSql = 'SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS';
const routinesSql =
  'SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_DEFINITION, SQL_MODE FROM information_schema.ROUTINES';
const parametersSql =
  'SELECT SPECIFIC_SCHEMA, SPECIFIC_NAME, ROUTINE_TYPE, PARAMETER_NAME FROM information_schema.PARAMETERS ' +
  'WHERE PARAMETER_NAME IS NOT NULL';
const triggersSql =
  'SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, ACTION_STATEMENT, SQL_MODE FROM information_schema.TRIGGERS';

const timeoutMs = 5_000;
/** DDL through other routers is seen about this late at most. */
const refreshMs = 5_000;
/** A look at the definitions may come or end so much later before they count as unknown. */
const lateMs = 1_000;
const retryMs = 200;

interface Surroundings {
  /** Whether there is a replica that reads could go to. */
  wanted(): boolean;
  /** The primary's position from now on, as a text to compare: while it stays, so do the definitions. */
  position(): Promise<string | undefined>;
}

export class CatalogueLoader {
  readonly #pools: MemberPools;
  readonly #accounts: readonly RouterAccount[];
  readonly #log: RouterLog;
  readonly #surroundings: Surroundings;
  #catalogue: Catalogue | null = null;
  /** Where the primary was before the catalogue was read. */
  #position: string | undefined;
  /** When it was last known to be right. */
  #rightMs = Number.NEGATIVE_INFINITY;
  /** Counts DDL: what was read before the last one is void. */
  #version = 0;
  #timer: NodeJS.Timeout | undefined;
  #loading = false;
  #used = false;
  #closed = false;

  constructor(
    pools: MemberPools,
    accounts: readonly RouterAccount[],
    log: RouterLog,
    surroundings: Surroundings,
  ) {
    this.#surroundings = surroundings;
    this.#pools = pools;
    this.#accounts = accounts;
    this.#log = log;
    this.#plan(0);
  }

  /** Null while it isn't known, or hasn't been looked at for long: then reads go to the primary. */
  get catalogue(): Catalogue | null {
    this.#used = true;
    if (performance.now() - this.#rightMs < refreshMs + lateMs) return this.#catalogue;
    if (!this.#loading && this.#timer === undefined) this.#plan(0);
    return null;
  }

  /** Definitions have changed, or may have. */
  invalidate(): void {
    this.#version++;
    this.#catalogue = null;
    if (!this.#loading) this.#plan(0);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #plan(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#load(), ms);
    this.#timer.unref();
  }

  async #load(): Promise<void> {
    this.#timer = undefined;
    // Whoever reads next has it looked at again.
    if (!this.#used && this.#catalogue !== null) return;
    this.#used = false;
    this.#loading = true;
    const version = this.#version;
    let nextMs = refreshMs;
    try {
      if (this.#surroundings.wanted()) await this.#refresh(version);
      else nextMs = retryMs;
      if (version !== this.#version) nextMs = 0;
    } catch (error) {
      if (!this.#closed) this.#log.warn(`definitions can't be read: ${(error as Error).message}`);
      nextMs = retryMs;
    } finally {
      this.#loading = false;
      this.#plan(nextMs);
    }
  }

  /** Reads the definitions, unless the primary is where it was when they were read. */
  async #refresh(version: number): Promise<void> {
    const askedMs = performance.now();
    const position = await this.#surroundings.position();
    const same = position !== undefined && position === this.#position;
    const catalogue = same && this.#catalogue !== null ? this.#catalogue : await this.#read();
    if (version !== this.#version) return;
    this.#catalogue = catalogue;
    this.#position = position;
    this.#rightMs = askedMs;
  }

  async #read(): Promise<Catalogue> {
    const pool = this.#pools.primaryPool();
    if (pool === undefined) throw new Error('there is no primary');
    const found: Record<'tables' | 'views' | 'routines' | 'parameters' | 'triggers', (string | null)[][]> = {
      tables: [],
      views: [],
      routines: [],
      parameters: [],
      triggers: [],
    };
    // Each account sees what it may use, and no more.
    for (const account of this.#accounts) {
      const connection = new MonitorConnection(pool, ownKey(account, capability.deprecateEof));
      try {
        found.tables.push(...(await connection.rows(tablesSql, timeoutMs)));
        found.views.push(...(await connection.rows(viewsSql, timeoutMs)));
        found.routines.push(...(await connection.rows(routinesSql, timeoutMs)));
        found.parameters.push(...(await connection.rows(parametersSql, timeoutMs)));
        found.triggers.push(...(await connection.rows(triggersSql, timeoutMs)));
      } finally {
        connection.close();
      }
    }
    const text = (value: string | null | undefined): string => value ?? '';
    const parameters = new Map<string, string[]>();
    for (const [schema, name, kind, parameter] of found.parameters) {
      const key = [schema, name, kind].join('\0');
      parameters.set(key, [...(parameters.get(key) ?? []), text(parameter)]);
    }
    return buildCatalogue({
      tables: found.tables.map(([schema, name, engine, type]) => ({
        schema: text(schema),
        name: text(name),
        engine: type === 'VIEW' ? null : (engine ?? ''),
      })),
      views: found.views.map(([schema, name, definition]) => ({
        schema: text(schema),
        name: text(name),
        definition: text(definition),
      })),
      routines: found.routines.map(
        ([schema, name, kind, body, sqlMode]): RoutineRow => ({
          schema: text(schema),
          name: text(name),
          kind: kind === 'FUNCTION' ? 'FUNCTION' : 'PROCEDURE',
          body: body ?? null,
          sqlMode: text(sqlMode),
          parameters: parameters.get([schema, name, kind].join('\0')) ?? [],
        }),
      ),
      triggers: found.triggers.map(([schema, table, body, sqlMode]) => ({
        schema: text(schema),
        table: text(table),
        body: text(body),
        sqlMode: text(sqlMode),
      })),
    });
  }
}
