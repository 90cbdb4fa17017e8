import { expect, test } from 'vitest';
import { rowsOf } from '#src/router/servers/rows.ts';
import { packets, resultSet } from '../mysql-wire/answers.ts';

test('rows of a text result, with both ways of ending it', () => {
  for (const deprecateEof of [true, false]) {
    expect(rowsOf(packets(resultSet(['a', '', 'ccc'], deprecateEof)))).toEqual([['a'], [''], ['ccc']]);
    expect(rowsOf(packets(resultSet([], deprecateEof)))).toEqual([]);
  }
});
