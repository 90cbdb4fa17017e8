/** The statement together with the catalogue and the session's schema: what its names mean. */
import type { Catalogue, TriggerNature } from './catalogue.ts';
import { memberSchemas } from './member-schemas.ts';
import type { Reason } from './reason.ts';
import type { ObjectName, Statement, Target } from './statement.ts';

export interface Resolved {
  readonly statement: Statement;
  readonly target: Target;
  readonly reason: Reason;
  /** It calls routines or fires triggers that may leave something in the session. */
  readonly stateful: boolean;
}

/**
 * `catalogue` null: the definitions aren't known, so every table may be a view and no read goes to a replica; what views
 * and triggers leave in a session isn't seen then, so a router reads the catalogue before it accepts clients. `schema` undefined: there is no default
 * schema, and a name without one is the server's error to report.
 */
export function resolve(
  statement: Statement,
  schema: string | undefined,
  catalogue: Catalogue | null,
): Resolved {
  const { target, reason } = statement;
  const stateful = isStateful(statement, schema, catalogue);
  const routineOnly = target === 'primary' && reason === 'stored routine' && statement.class === 'read';
  // What asks about the statement before may have run on a replica, and then reads its tables there.
  if (target === 'previous') {
    const against = objection(statement, schema, catalogue, false);
    return against === undefined
      ? { statement, target, reason, stateful }
      : { statement, target: 'primary', reason: against, stateful };
  }
  if (target !== 'replica' && !routineOnly) return { statement, target, reason, stateful };
  const against = objection(statement, schema, catalogue, routineOnly);
  if (against !== undefined) return { statement, target: 'primary', reason: against, stateful };
  return { statement, target: 'replica', reason: routineOnly ? 'read' : reason, stateful };
}

/** Why the names keep a read off the replicas; undefined when nothing does. */
function objection(
  { routines, tables }: Statement,
  schema: string | undefined,
  catalogue: Catalogue | null,
  routineOnly: boolean,
): Reason | undefined {
  if (routineOnly) {
    const pure = (name: ObjectName): boolean => {
      const own = name.schema ?? schema;
      return own !== undefined && catalogue?.function(own, name.name) === 'pure';
    };
    if (!routines.every(pure)) return 'stored routine';
  }
  for (const name of tables) {
    const against = tableObjection(name, schema, catalogue);
    if (against !== undefined) return against;
  }
  return undefined;
}

function tableObjection(
  name: ObjectName,
  schema: string | undefined,
  catalogue: Catalogue | null,
): Reason | undefined {
  const own = name.schema ?? schema;
  if (own !== undefined && memberSchemas.has(own.toLowerCase())) return 'member tables';
  if (name.name === '') return undefined;
  if (catalogue === null) return 'catalogue unknown';
  if (own === undefined) return 'table unknown';
  switch (catalogue.table(own, name.name)) {
    case 'rows':
    case 'reads':
      return undefined;
    case 'calls':
      return 'view calls a routine';
    case 'other engine':
      return 'storage engine';
    case 'unknown':
      return 'table unknown';
  }
}

function isStateful(statement: Statement, schema: string | undefined, catalogue: Catalogue | null): boolean {
  const { class: kind, routines, tables } = statement;
  const harmless = (name: ObjectName): boolean => {
    const own = name.schema ?? schema;
    if (own === undefined || catalogue === null) return false;
    const call = statement.reason === 'call';
    const nature = call ? catalogue.procedure(own, name.name) : catalogue.function(own, name.name);
    // Arguments of CALL are functions, its first name is a procedure: each name must be harmless as one of the two.
    if (nature === 'pure' || nature === 'stateless') return true;
    return call && catalogue.function(own, name.name) === 'pure';
  };
  if (!routines.every(harmless)) return true;
  if (catalogue === null || (kind !== 'read' && kind !== 'write')) return false;
  // A view that calls a routine may set variables or take locks in it.
  if (tables.some((name) => isCalling(name, schema, catalogue))) return true;
  return kind === 'write' && tables.some((name) => fired(name, schema, catalogue) === 'stateful');
}

/**
 * Whether it may ask for LAST_INSERT_ID(): by itself, or in a view or a trigger. What triggers call and fire in turn isn't
 * followed, so any trigger may.
 */
export function mayAskInsertId(
  { statement, stateful }: Resolved,
  schema: string | undefined,
  catalogue: Catalogue | null,
): boolean {
  if (statement.usesInsertId || stateful) return true;
  if (statement.class !== 'write') return false;
  return catalogue === null || statement.tables.some((name) => fired(name, schema, catalogue) !== 'none');
}

function fired(name: ObjectName, schema: string | undefined, catalogue: Catalogue): TriggerNature {
  const own = name.schema ?? schema;
  return own === undefined ? 'none' : catalogue.triggers(own, name.name);
}

function isCalling(name: ObjectName, schema: string | undefined, catalogue: Catalogue): boolean {
  const own = name.schema ?? schema;
  return own !== undefined && catalogue.table(own, name.name) === 'calls';
}
