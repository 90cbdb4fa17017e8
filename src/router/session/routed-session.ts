/** Where a session's statements go, by src/routing: what is pure there gets its inputs and its memory here. */
import { charsetOfCollation } from '#src/mysql-wire/collations.ts';
import { analyse, useStatement } from '#src/routing/analyse.ts';
import type { Catalogue } from '#src/routing/catalogue.ts';
import { chooseBackend, levelOf } from '#src/routing/choose.ts';
import { mayDefine } from '#src/routing/defines.ts';
import { fingerprint } from '#src/routing/fingerprint.ts';
import type { Freshness, Pending, Stamp } from '#src/routing/freshness.ts';
import type { ChoiceLimits, Member } from '#src/routing/member.ts';
import { keepsConnection } from '#src/routing/pins.ts';
import { questionMs } from '#src/routing/questions.ts';
import { mayAskInsertId, type Resolved, resolve } from '#src/routing/resolve.ts';
import { newSession, type Outcome, type SessionState } from '#src/routing/session.ts';
import { setStatement } from '#src/routing/settings.ts';
import { bareCommand, type ConsistencyLevel, type Statement } from '#src/routing/statement.ts';
import { afterReset, step } from '#src/routing/step.ts';
import {
  isUnresolved,
  valueQueries,
  valuesQuery,
  withoutInsertId,
  withoutVariables,
  withValues,
} from '#src/routing/variables.ts';
import { wroteUntold } from '#src/routing/written.ts';
import { loginSettings } from './login-settings.ts';
import type { Loss, RouteChoice, RoutedStatement, SessionRoutes, Slot } from './routes.ts';

/** What all sessions of a router know together. */
export interface RoutesContext {
  /** Null until the definitions were read. */
  catalogue(): Catalogue | null;
  /** A statement may have changed the definitions. */
  definitionsChanged(): void;
  members(): readonly Member[];
  /** A read needed more of them than a lag bound, and others will. */
  want(): void;
  /** Nobody has asked the members for so long that nothing is known of them. */
  readonly rested: boolean;
  /** What the account's sessions wrote through this worker, or through all of its host (`ofHost`). */
  writesOf(user: string, ofHost: boolean): Freshness;
  wrote(user: string, stamp: Stamp): void;
  /** They may have written something, and its position isn't known. */
  wroteUntold(user: string, pending: Pending): void;
  /** Whether others must know of a write before its client does. */
  readonly publishes: boolean;
  readonly level: ConsistencyLevel;
  readonly limits: ChoiceLimits;
  /** As MYSQL_VERSION_ID. */
  readonly serverVersion: number;
}

/** What it takes of a client to tell where its statements go. */
export interface RoutedClient {
  readonly account: { readonly user: string };
  readonly collation: number;
  readonly capabilities: number;
}

/** A statement as it is kept; what its names mean is looked up at each execution. */
interface Analysed extends RoutedStatement {
  readonly statement: Statement;
  /** It may change definitions. */
  readonly defines: boolean;
}

/** Where each session begins to spread its reads. */
let sessions = 0;

/** Other replicas than `replica` get no reads. */
function readBy(member: Member, replica: string): Member {
  return member.role === 'replica' && member.name !== replica ? { ...member, weight: 0 } : member;
}

/** Transactions begin on the primary, READ ONLY ones too: what follows in one may need it. */
function begins(statement: Statement): boolean {
  return statement.effects.some((effect) => effect.kind === 'begin');
}

export class RoutedSession implements SessionRoutes<Analysed> {
  readonly #context: RoutesContext;
  readonly #charset: string | undefined;
  readonly #user: string;
  #spread: number;
  #state: SessionState;
  #resolved: Resolved | undefined;

  constructor(context: RoutesContext, client: RoutedClient, schema: string | undefined) {
    const { account, collation, capabilities } = client;
    this.#context = context;
    this.#user = account.user;
    this.#spread = ++sessions;
    this.#charset = charsetOfCollation(collation);
    const settings = loginSettings(capabilities);
    this.#state = newSession(schema, this.#charset, context.serverVersion, settings);
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
    const statement = analyse(sql, this.#state.modes, complete);
    return analysed(statement, mayDefine(statement.class, sql));
  }

  analysePrepared(sql: Buffer, complete: boolean): Analysed {
    return { ...this.analyse(sql, complete), schema: this.#state.schema };
  }

  useSchema(schema: string): Analysed {
    return analysed(useStatement(schema), false);
  }

  fingerprint(sql: Buffer): string {
    return fingerprint(sql, this.#state.modes);
  }

  choose(routed: Analysed | undefined, beganMs: number, replica?: string): RouteChoice {
    const statement = routed?.statement ?? bareCommand;
    const context = this.#context;
    const session = this.#state;
    const schema = routed?.schema ?? session.schema;
    const resolved = resolve(statement, schema, context.catalogue());
    this.#resolved = resolved;
    // The common case, without a look at the members: what only the primary can do.
    if (resolved.target === 'primary' && session.transaction === undefined) {
      return this.#primary(resolved.reason, resolved, schema);
    }
    const { level, limits } = context;
    // Whatever the router's own level is: the session or a hint may say `host`. `global` sees more than that anyway.
    const shared = context.writesOf(this.#user, levelOf(statement, session, level) === 'host');
    const known = context.members();
    const members = replica === undefined ? known : known.map((member) => readBy(member, replica));
    const spread = this.#spread++;
    const choice = chooseBackend({ session, resolved, members, level, shared, limits, beganMs, spread });
    if (choice.reason !== 'within the lag bound') context.want();
    if (choice.to === 'refuse') return this.#primary(choice.reason, resolved, schema);
    if (choice.to === 'replica' && !begins(statement)) {
      const { member, reason, wait } = choice;
      const prelude = this.#prelude(resolved, schema, 'replica');
      return {
        slot: 'replica',
        member,
        waitFor: wait?.position,
        waitMs: wait?.limitMs ?? 0,
        reason,
        sampleFirst: false,
        prelude,
      };
    }
    if (choice.to === 'last' && choice.role === 'replica') {
      const { member, reason } = choice;
      const none = { waitFor: undefined, waitMs: 0, sampleFirst: false, prelude: undefined };
      return { slot: 'replica', member, reason, ...none };
    }
    const { reason } = choice;
    const sampleFirst =
      reason === 'position unknown' ||
      reason === 'no position since' ||
      (reason === 'no replica' && context.rested);
    return { ...this.#primary(choice.reason, resolved, schema), sampleFirst };
  }

  #primary(reason: string, resolved: Resolved, schema: string | undefined): RouteChoice {
    const prelude = this.#prelude(resolved, schema, 'primary');
    return {
      slot: 'primary',
      member: undefined,
      waitFor: undefined,
      waitMs: 0,
      reason,
      sampleFirst: false,
      prelude,
    };
  }

  /** The last insert id, for a statement that asks for it on a connection that may not have it. */
  #prelude(resolved: Resolved, schema: string | undefined, slot: Slot): string | undefined {
    const { insertId, unresolved } = this.#state;
    if (insertId === undefined) return undefined;
    if (slot === 'primary' && unresolved.includes('last_insert_id')) return undefined;
    if (!mayAskInsertId(resolved, schema, this.#context.catalogue())) return undefined;
    return setStatement('last_insert_id', insertId);
  }

  acknowledging(routed: Analysed | undefined, outcome: Outcome): void {
    this.#share(routed, this.#resolvedOf(routed), outcome);
  }

  answered(routed: Analysed | undefined, outcome: Outcome, prepared?: Analysed): void {
    const context = this.#context;
    const resolved = prepared === undefined ? this.#resolvedOf(routed) : preparationOf(prepared);
    this.#state = stepIn(routed?.schema, this.#state, resolved, outcome);
    if (!context.publishes) this.#share(routed, resolved, outcome);
    if (prepared === undefined && routed?.defines === true && mayHaveDefined(routed, outcome)) {
      context.definitionsChanged();
    }
  }

  #resolvedOf(routed: Analysed | undefined): Resolved {
    const statement = routed?.statement ?? bareCommand;
    if (this.#resolved?.statement === statement) return this.#resolved;
    return resolve(statement, routed?.schema ?? this.#state.schema, this.#context.catalogue());
  }

  /** Tells the account's other sessions what was written. */
  #share(routed: Analysed | undefined, resolved: Resolved, outcome: Outcome): void {
    const { position, epoch, role, member, endedMs } = outcome;
    if (role !== 'primary') return;
    if (position !== undefined) this.#context.wrote(this.#user, { epoch, position });
    else if (routed !== undefined && wroteUntold(resolved, outcome)) {
      this.#context.wroteUntold(this.#user, { member, epoch, endedMs });
    }
  }

  valuesQuery(): string | undefined {
    return valuesQuery(this.#state);
  }

  get unresolved(): boolean {
    return isUnresolved(this.#state);
  }

  takeValues(values: readonly (string | null)[]): void {
    this.#state = withValues(this.#state, values);
  }

  valueQueries(): readonly string[] {
    return valueQueries(this.#state);
  }

  forgetValues(places: ReadonlySet<number>): void {
    this.#state = withoutVariables(this.#state, places);
  }

  get stateful(): boolean {
    return this.#state.pins.length > 0 || this.#state.transaction !== undefined;
  }

  mayLeave(slot: Slot): boolean {
    // Transactions and pins are on the primary alone.
    return slot === 'replica' || !keepsConnection(this.#state);
  }

  questionMs(slot: Slot): number {
    return questionMs(this.#state, slot);
  }

  lost(slot: Slot): Loss {
    const { pins, transaction } = this.#state;
    if (slot === 'replica') return 'nothing';
    // A last insert id is missed only by who asks for it.
    if (pins.some(({ kind }) => kind !== 'insert id') || isUnresolved(this.#state)) return 'state';
    // Settings stay: the next connection is given them.
    this.#state = { ...withoutInsertId(this.#state), transaction: undefined };
    return transaction === undefined ? 'nothing' : 'transaction';
  }

  misses({ statement }: Analysed): boolean {
    if (!this.#state.insertIdLost || !statement.usesInsertId) return false;
    // What a replica may answer doesn't ask for it.
    return resolve(statement, this.#state.schema, this.#context.catalogue()).target === 'primary';
  }

  reset(schema: string | undefined): void {
    this.#state = { ...afterReset(this.#state, this.#charset), schema };
  }
}

/** Denied, or no SQL: a server looks at that before it begins (1044, 1142, 1143, 1227, 1370; 1064). */
const refusedWhole: ReadonlySet<number> = new Set([1044, 1064, 1142, 1143, 1227, 1370]);

/** DDL that fails may have done some of its work; what isn't understood and was refused is most often no statement at all. */
function mayHaveDefined({ class: kind, statement }: Analysed, { ok, position, errno }: Outcome): boolean {
  if (ok || position !== undefined) return true;
  return kind === 'ddl' && !(statement.parts === 1 && refusedWhole.has(errno ?? 0));
}

/** It runs nothing, but looks at what the statement uses. */
function preparationOf({ statement: { tables, routines } }: Analysed): Resolved {
  const statement = { ...bareCommand, tables: [...tables, ...routines] };
  return { statement, target: 'primary', reason: 'administration', stateful: false };
}

function leavesOpen({ effects, implicitCommit }: Statement): RoutedStatement['leaves'] {
  const last = effects.findLast(({ kind }) => kind === 'begin' || kind === 'end');
  if (last?.kind === 'begin' || (last?.kind === 'end' && last.chain === true)) return 'transaction';
  return last !== undefined || implicitCommit ? 'nothing' : undefined;
}

/** Names without a schema are in `schema`, which a server takes for as long as it executes what was prepared there. */
function stepIn(
  schema: string | undefined,
  state: SessionState,
  resolved: Resolved,
  outcome: Outcome,
): SessionState {
  if (schema === undefined || schema === state.schema) return step(state, resolved, outcome);
  const next = step({ ...state, schema }, resolved, outcome);
  return outcome.schema === undefined ? { ...next, schema: state.schema } : next;
}

function analysed(statement: Statement, defines: boolean): Analysed {
  // Among other statements it is the server's, which knows no router's ids.
  const kill = statement.parts === 1 ? statement.effects.find((effect) => effect.kind === 'kill') : undefined;
  // A COMMIT that a read-only MariaDB refuses has rolled back.
  const ends = statement.parts === 1 && statement.effects.some(({ kind }) => kind === 'end');
  const losesTransaction = ends || (statement.resend && !statement.implicitCommit);
  const leaves = leavesOpen(statement);
  const common = { statement, defines, class: statement.class, losesTransaction, leaves };
  if (kill === undefined) return { ...common, resend: statement.resend };
  return { ...common, resend: false, kill: { id: Number(kill.id), queryOnly: kill.query } };
}

/** `5.5.5-10.11.19-MariaDB` is 101119; the newest known when it can't be read. */
export function serverVersionNumber(version: string): number {
  const [, major, minor, patch] = /(\d+)\.(\d+)\.(\d+)(?!.*\d+\.\d+\.\d+)/.exec(version) ?? [];
  if (major === undefined) return 101_119;
  return Number(major) * 10_000 + Number(minor) * 100 + Number(patch);
}
