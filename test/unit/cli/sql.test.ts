import { expect, test } from 'vitest';
import { routerHost } from '#src/cli/sql.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';

test('the first web host, or the one that is asked for', () => {
  const spec = referenceSpec();
  expect(routerHost(spec, undefined)).toBe('server-1');
  expect(routerHost(spec, 'server-2')).toBe('server-2');
  expect(() => routerHost(spec, 'lb-1')).toThrow("no web host 'lb-1'");
});
