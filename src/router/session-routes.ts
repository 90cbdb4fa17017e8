/** Where a session's statements go, by src/routing: what is pure there gets its inputs and its memory here. */
import { charsetOfCollation } from '#src/mysql-wire/collations.ts';
import { analyse, useStatement } from '#src/routing/analyse.ts';
import type { Catalogue } from '#src/routing/catalogue.ts';
import { keepsConnection } from '#src/routing/pins.ts';
import { type Resolved, resolve } from '#src/routing/resolve.ts';
import { newSession, type Outcome, type SessionState } from '#src/routing/session.ts';
import type { Statement } from '#src/routing/statement.ts';
import { afterReset, step } from '#src/routing/step.ts';
import type { RouteChoice, RoutedStatement, SessionRoutes, Slot } from './routes.ts';

/** What all sessions of a router know together. */
export interface RoutesContext {
  /** Null until the definitions were read. */
  readonly catalogue: Catalogue | null;
  /** As MYSQL_VERSION_ID. */
  readonly serverVersion: number;
}

/** A statement as it is kept; what its names mean is looked up at each execution. */
interface Analysed extends RoutedStatement {
  readonly statement: Statement;
}

/** A command without a text, which leaves nothing in the session but what is tracked. */
const command: Statement = {
  class: 'admin',
  target: 'primary',
  reason: 'administration',
  implicitCommit: false,
  resend: false,
  parts: 1,
  effects: [],
  tables: [],
  routines: [],
  hints: {},
  foundRows: false,
};

export class RoutedSession implements SessionRoutes<Analysed> {
  readonly #context: RoutesContext;
  readonly #charset: string | undefined;
  #state: SessionState;
  #resolved: Resolved | undefined;

  constructor(context: RoutesContext, collation: number, schema: string | undefined) {
    this.#context = context;
    this.#charset = charsetOfCollation(collation);
    this.#state = newSession(schema, this.#charset, context.serverVersion);
  }

  get state(): SessionState {
    return this.#state;
  }

  get settings(): SessionState['settings'] {
    return this.#state.settings;
  }

  get schema(): string | undefined {
    return this.#state.schema;
  }

  analyse(sql: Buffer, complete: boolean): Analysed {
    return analysed(analyse(sql, this.#state.modes, complete));
  }

  useSchema(schema: string): Analysed {
    return analysed(useStatement(schema));
  }

  choose(routed: Analysed | undefined): RouteChoice {
    const statement = routed?.statement ?? command;
    this.#resolved = resolve(statement, this.#state.schema, this.#context.catalogue);
    return {
      slot: 'primary',
      member: undefined,
      waitFor: undefined,
      waitMs: 0,
      reason: this.#resolved.reason,
    };
  }

  answered(routed: Analysed | undefined, outcome: Outcome): void {
    const statement = routed?.statement ?? command;
    let resolved = this.#resolved;
    if (resolved?.statement !== statement) {
      resolved = resolve(statement, this.#state.schema, this.#context.catalogue);
    }
    this.#state = step(this.#state, resolved, outcome);
  }

  mayLeave(_slot: Slot): boolean {
    return !keepsConnection(this.#state);
  }

  reset(schema: string | undefined): void {
    this.#state = { ...afterReset(this.#state, this.#charset), schema };
  }
}

function analysed(statement: Statement): Analysed {
  const kill = statement.effects.find((effect) => effect.kind === 'kill');
  if (kill === undefined) return { statement, resend: statement.resend };
  return { statement, resend: false, kill: { id: Number(kill.id), queryOnly: kill.query } };
}

/** `5.5.5-10.11.19-MariaDB` is 101119; the newest known when it can't be read. */
export function serverVersionNumber(version: string): number {
  const [, major, minor, patch] = /(\d+)\.(\d+)\.(\d+)(?!.*\d+\.\d+\.\d+)/.exec(version) ?? [];
  if (major === undefined) return 101_119;
  return Number(major) * 10_000 + Number(minor) * 100 + Number(patch);
}
