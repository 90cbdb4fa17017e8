/** The queries that the catalogue is built from. The account needs SELECT, SHOW VIEW and EXECUTE on what it shall see. */
import type { CatalogueRows, RoutineRow } from './catalogue.ts';

const own = "NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')";

/** One query for each kind of rows; columns by name. */
export const catalogueQueries = {
  tables: `SELECT TABLE_SCHEMA AS s, TABLE_NAME AS n, ENGINE AS e FROM information_schema.TABLES WHERE TABLE_SCHEMA ${own}`,
  views: `SELECT TABLE_SCHEMA AS s, TABLE_NAME AS n, VIEW_DEFINITION AS d FROM information_schema.VIEWS WHERE TABLE_SCHEMA ${own}`,
  routines: `SELECT ROUTINE_SCHEMA AS s, ROUTINE_NAME AS n, ROUTINE_TYPE AS k, ROUTINE_DEFINITION AS b, SQL_MODE AS m FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA ${own}`,
  parameters: `SELECT SPECIFIC_SCHEMA AS s, SPECIFIC_NAME AS n, ROUTINE_TYPE AS k, PARAMETER_NAME AS p FROM information_schema.PARAMETERS WHERE PARAMETER_NAME IS NOT NULL AND SPECIFIC_SCHEMA ${own}`,
  triggers: `SELECT EVENT_OBJECT_SCHEMA AS s, EVENT_OBJECT_TABLE AS n, ACTION_STATEMENT AS b, SQL_MODE AS m FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA ${own}`,
} as const;

/** One row of an answer: values by column name. */
export type AnswerRow = Readonly<Record<string, string | number | null>>;

/** The answers to `catalogueQueries`, as rows for `buildCatalogue`. A definition that may not be seen is never harmless. */
export function rowsFrom(
  answers: Readonly<Record<keyof typeof catalogueQueries, readonly AnswerRow[]>>,
): CatalogueRows {
  const text = (row: AnswerRow, column: string): string => String(row[column] ?? '');
  const parameters = new Map<string, string[]>();
  const keyOf = (row: AnswerRow): string => ['s', 'n', 'k'].map((column) => text(row, column)).join('\0');
  for (const row of answers.parameters) {
    const key = keyOf(row);
    parameters.set(key, [...(parameters.get(key) ?? []), text(row, 'p')]);
  }
  const kinds: ReadonlySet<string> = new Set<RoutineRow['kind']>(['FUNCTION', 'PROCEDURE']);
  return {
    tables: answers.tables.map((row) => ({
      schema: text(row, 's'),
      name: text(row, 'n'),
      engine: row['e'] === null || row['e'] === undefined ? null : String(row['e']),
    })),
    views: answers.views.map((row) => ({
      schema: text(row, 's'),
      name: text(row, 'n'),
      definition: text(row, 'd'),
    })),
    routines: answers.routines
      .filter((row) => kinds.has(text(row, 'k')))
      .map((row) => ({
        schema: text(row, 's'),
        name: text(row, 'n'),
        kind: text(row, 'k') === 'FUNCTION' ? 'FUNCTION' : 'PROCEDURE',
        body: row['b'] === null || row['b'] === undefined ? null : String(row['b']),
        sqlMode: text(row, 'm'),
        parameters: parameters.get(keyOf(row)) ?? [],
      })),
    triggers: answers.triggers.map((row) => ({
      schema: text(row, 's'),
      table: text(row, 'n'),
      body: text(row, 'b'),
      sqlMode: text(row, 'm'),
    })),
  };
}
