import { expect, test } from 'vitest';
import { knownAccount, routerHost } from '#src/cli/sql.ts';
import { referenceSpec, referenceStackFile, specOf } from '#test/fixtures/spec.ts';

test('the first web host, or the one that is asked for', () => {
  const spec = referenceSpec();
  expect(routerHost(spec, undefined)).toBe('server-1');
  expect(routerHost(spec, 'server-2')).toBe('server-2');
  expect(() => routerHost(spec, 'lb-1')).toThrow("no web host 'lb-1'");
});

test('an account of the stack file, or the application’s', () => {
  const spec = specOf({
    ...referenceStackFile,
    database: { accounts: { reports: { password: 'generated' } } },
  });
  expect(knownAccount(spec, undefined)).toBeUndefined();
  expect(knownAccount(spec, 'app')).toBeUndefined();
  expect(knownAccount(spec, 'reports')).toBe('reports');
  expect(() => knownAccount(spec, 'root')).toThrow("no account 'root'");
});
