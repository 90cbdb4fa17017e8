/** A statement while it is being read. */
import type { Effect, PinKind } from './effect.ts';
import type { Reason } from './reason.ts';
import type { Hints, ObjectName, Statement, StatementClass, Target } from './statement.ts';

const targetRank: Readonly<Record<Target, number>> = { any: 0, replica: 1, previous: 2, primary: 3 };

const classRank: Readonly<Record<StatementClass, number>> = {
  read: 0,
  session: 1,
  transaction: 2,
  write: 3,
  ddl: 4,
  admin: 5,
  unknown: 6,
};

const noEffects: readonly Effect[] = Object.freeze([]);
const noNames: readonly ObjectName[] = Object.freeze([]);

export class Draft {
  class: StatementClass = 'read';
  target: Target = 'any';
  reason: Reason = 'nothing to run';
  implicitCommit = false;
  resend = true;
  parts = 0;
  foundRows = false;
  usesInsertId = false;
  /** SELECT, VALUES, DO and the like. */
  query = false;
  /** A user variable was read or set. */
  variables = false;
  /** It says which member ran it. */
  memberName = false;
  #effects: Effect[] | undefined;
  #tables: ObjectName[] | undefined;
  #routines: ObjectName[] | undefined;

  /** At least this class: of several statements the strictest counts. */
  is(kind: StatementClass): void {
    if (this.parts <= 1 || classRank[kind] > classRank[this.class]) this.class = kind;
  }

  /** Not laxer than `target`; the first reason for the strictest target counts. */
  require(target: Target, reason: Reason): void {
    const first = this.reason === 'nothing to run';
    if (!first && targetRank[target] <= targetRank[this.target]) return;
    this.target = target;
    this.reason = reason;
  }

  get effects(): readonly Effect[] {
    return this.#effects ?? noEffects;
  }

  effect(effect: Effect): void {
    this.#effects ??= [];
    this.#effects.push(effect);
  }

  pin(pin: PinKind, name = ''): void {
    this.effect({ kind: 'pin', pin, name });
  }

  /** The last pin of this kind gets its name. */
  rename(pin: PinKind, name: string): void {
    const index = this.#effects?.findLastIndex((effect) => effect.kind === 'pin' && effect.pin === pin) ?? -1;
    if (this.#effects !== undefined && index >= 0) this.#effects[index] = { kind: 'pin', pin, name };
  }

  table(name: ObjectName): void {
    this.#tables ??= [];
    this.#tables.push(name);
  }

  routine(name: ObjectName): void {
    this.#routines ??= [];
    this.#routines.push(name);
    this.resend = false;
  }

  finish(hints: Hints): Statement {
    if (this.memberName && hints.target !== 'replica') this.require('primary', 'member value');
    // Last, so that whatever else is the matter stays a reason when the catalogue knows the routine.
    if (this.#routines !== undefined) this.require('primary', 'stored routine');
    return {
      class: this.class,
      target: this.target,
      reason: this.reason,
      implicitCommit: this.implicitCommit,
      resend: this.resend && this.parts === 1,
      parts: this.parts,
      effects: this.effects,
      tables: this.#tables ?? noNames,
      routines: this.#routines ?? noNames,
      hints,
      tableless: this.query && this.parts === 1 && this.#tables === undefined && this.#routines === undefined,
      foundRows: this.foundRows,
      usesInsertId: this.usesInsertId || this.#routines !== undefined,
    };
  }
}
