import { describe, expect, test } from 'vitest';
import { analyse } from '#src/routing/analyse.ts';
import { resolve } from '#src/routing/resolve.ts';
import { reads } from './table/reads.ts';
import { functionReads, readOnlyBegins } from './table/reads-functions.ts';
import { short } from './table/row.ts';
import { catalogue } from './table/schema.ts';
import { table } from './table/table.ts';

describe('the table of statements', () => {
  test('has at least 600 different ones', () => {
    expect(new Set(table.map((row) => row.sql)).size).toBeGreaterThanOrEqual(600);
  });

  test.each(table.map((row) => [row.sql, row] as const))('%s', (_sql, row) => {
    const statement = analyse(row.sql);
    expect({
      class: statement.class,
      target: statement.target,
      reason: statement.reason,
      commit: statement.implicitCommit,
      resend: statement.resend,
      effects: short(statement),
    }).toEqual({
      class: row.class,
      target: row.target,
      reason: row.reason,
      commit: row.commit,
      resend: row.resend,
      effects: row.effects,
    });
  });

  test.each([...reads, ...functionReads, ...readOnlyBegins].map((row) => row.sql))(
    'the catalogue has nothing against: %s',
    (sql) => {
      expect(resolve(analyse(sql), 'test', catalogue)).toMatchObject({ target: 'replica', stateful: false });
    },
  );
});
