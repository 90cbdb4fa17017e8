import { expect, test } from 'vitest';
import { routerHost } from '#src/cli/sql.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';

test('the first web host, or the one that is asked for', () => {
  const spec = referenceSpec({ database: { router: true } });
  expect(routerHost(spec, undefined)).toBe('server-1');
  expect(routerHost(spec, 'server-2')).toBe('server-2');
  expect(() => routerHost(spec, 'lb-1')).toThrow("no web host 'lb-1'");
});

test('a stack without a router says what to do', () => {
  expect(() => routerHost(referenceSpec(), undefined)).toThrow(
    expect.objectContaining({ code: 'no-router', hint: expect.stringContaining('database.router: true') }),
  );
});
