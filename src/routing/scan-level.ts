/** One parenthesis of a query, and the words that say where in it tables stand. */
import { word } from './words.ts';

export interface Level {
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

export function newLevel(from: boolean): Level {
  return { from, expect: from, begun: false, ownFrom: false, jsonTable: false, common: false };
}

/** Functions with FROM between their arguments. */
export const ownFrom: ReadonlySet<number> = new Set([
  ...[word.extract, word.trim, word.substring, word.substr, word.mid],
]);

/** What may follow FOR in a plain read: system versions and index hints. */
export const plainFor: ReadonlySet<number> = new Set([
  ...[word.system_time, word.system, word.join, word.order, word.group],
]);

/** Clauses that end a list of tables. */
export const endsFrom: ReadonlySet<number> = new Set([
  ...[word.where, word.group, word.having, word.order, word.limit, word.set, word.window, word.union],
  ...[word.except, word.intersect, word.values, word.select, word.procedure, word.returning],
]);

/** What can stand in the place of a table without being one. */
export const notTable: ReadonlySet<number> = new Set([
  ...[word.select, word.values, word.with, word.json_table, word.dual, word.lateral],
]);
