import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classify, NoAnswer, OutcomeUnknown, Unavailable } from '../../../examples/users/failure.ts';
import { createHealth } from '../../../examples/users/health.ts';
import { Problem, problemOf } from '../../../examples/users/problem.ts';
import { parseId, validateNewUser } from '../../../examples/users/users.ts';

describe('a new user', () => {
  test('is trimmed, composed, and has its address in lower case', () => {
    expect(validateNewUser({ name: '  José ', email: ' Ada@Example.ORG ' })).toEqual({
      ok: true,
      user: { name: 'José', email: 'ada@example.org' },
    });
  });

  test.for([
    [undefined, ['#']],
    ['text', ['#']],
    [[], ['#']],
    [{}, ['#/name', '#/email']],
    [{ name: 1, email: null }, ['#/name', '#/email']],
    [{ name: '', email: ' ' }, ['#/name', '#/email']],
    [{ name: 'x'.repeat(101), email: 'a@b.c' }, ['#/name']],
    [{ name: 'a\u0000b', email: 'a@b.c' }, ['#/name']],
    [{ name: 'a\ud800', email: 'a@b.c' }, ['#/name']],
    [{ name: 'a', email: `${'x'.repeat(250)}@b.c` }, ['#/email']],
    [{ name: 'a', email: 'a@b.c', 'is/admin~': true }, ['#/is~1admin~0']],
  ] as const)('%j: errors at %j', ([body, pointers]) => {
    const result = validateNewUser(body);
    expect(result.ok ? [] : result.errors.map(({ pointer }) => decodeURIComponent(pointer))).toEqual(
      pointers,
    );
  });

  test('100 characters fit, whatever they take in UTF-16', () => {
    expect(validateNewUser({ name: '🦊'.repeat(100), email: 'a@b.c' }).ok).toBe(true);
  });

  test.for([
    ['ada@example.org', true],
    ["o'brien+tag@sub.example.co.uk", true],
    ['jörg@bücher.example', true],
    ['ada', false],
    ['ada@localhost', false],
    ['@example.org', false],
    ['ada@-example.org', false],
    ['ada@example..org', false],
    ['ada@example.org.', false],
    ['ada lovelace@example.org', false],
    ['a@b@example.org', false],
    [`${'x'.repeat(65)}@example.org`, false],
  ] as const)('%s: %s', ([email, ok]) => {
    expect(validateNewUser({ name: 'Ada', email }).ok).toBe(ok);
  });

  test('hostile addresses are refused quickly', () => {
    const startedAt = performance.now();
    for (const part of ['a', 'a.', '-a', 'a-', '.']) {
      validateNewUser({ name: 'a', email: `a@${part.repeat(250).slice(0, 250)}` });
      validateNewUser({ name: 'a', email: `${part.repeat(8_000)}` });
    }
    expect(performance.now() - startedAt).toBeLessThan(100);
  });

  test('no JSON makes validation throw', () => {
    fc.assert(fc.property(fc.jsonValue(), (body) => void validateNewUser(body)));
  });
});

test('ids', () => {
  expect(['1', '42', '9007199254740991'].map(parseId)).toEqual([1, 42, 9_007_199_254_740_991]);
  for (const text of ['', '0', '01', '-1', '1.0', '1e3', ' 1', '9007199254740992', '9'.repeat(400)]) {
    expect(parseId(text), text).toBeNull();
  }
});

describe('failures', () => {
  const failure = (fields: object) => Object.assign(new Error('text'), fields);

  test.for([
    [{ code: 'PROTOCOL_CONNECTION_LOST', fatal: true }, 'lost'],
    [{ code: 'ECONNRESET', errno: -104, syscall: 'read' }, 'lost'],
    [{ code: 'EPIPE', errno: -32 }, 'lost'],
    [{ errno: 1927, code: 'ER_CONNECTION_KILLED' }, 'lost'],
    [{ errno: 1317 }, 'lost'],
    [{ errno: 1053, sqlState: '08S01' }, 'lost'],
    [{ errno: 1158, sqlState: '08007' }, 'lost'],
    [{ errno: 1053, sqlState: '08001' }, 'not-executed'],
    [{ errno: 1040, sqlState: '08004' }, 'not-executed'],
    [{ errno: 1290 }, 'read-only'],
    [{ errno: 1836 }, 'read-only'],
    [{ errno: 1792 }, 'read-only'],
    [{ errno: 1213 }, 'busy'],
    [{ errno: 1205 }, 'busy'],
    [{ errno: 1062 }, 'duplicate'],
    [{ errno: 1146 }, 'refused'],
    [{ message: 'cannot read properties of undefined' }, 'bug'],
  ] as const)('%j is %s', ([fields, kind]) => {
    expect(classify(failure(fields))).toBe(kind);
  });

  test('no answer is a lost connection; a value that is no error is a bug', () => {
    expect(classify(new NoAnswer(5))).toBe('lost');
    expect(classify('text')).toBe('bug');
  });

  test.for([
    [new Unavailable('x'), 503, '/problems/database-away', false],
    [new OutcomeUnknown(), 503, '/problems/outcome-unknown', false],
    [failure({ errno: 1290 }), 503, '/problems/read-only', false],
    [failure({ errno: 1213 }), 503, '/problems/database-busy', false],
    [failure({ errno: 1146 }), 500, undefined, true],
    [new TypeError('x'), 500, undefined, true],
    [new Problem({ status: 404, title: 'Not found', detail: 'x' }), 404, undefined, false],
  ] as const)('%s becomes %i %s', ([error, status, type, bug]) => {
    const { problem, bug: isBug } = problemOf(error);
    expect([problem.details.status, problem.details.type, isBug]).toEqual([status, type, bug]);
  });

  test('only an unknown outcome does not say that nothing was changed', () => {
    const detail = (error: unknown) => problemOf(error).problem.details.detail;
    expect(detail(new OutcomeUnknown())).not.toContain('Nothing was changed');
    for (const error of [new Unavailable('x'), failure({ errno: 1290 }), failure({ errno: 1205 })]) {
      expect(detail(error)).toContain('Nothing was changed');
    }
  });
});

describe('health', () => {
  test('one check at a time, each used for 500 ms', async () => {
    let now = 0;
    let checks = 0;
    let finish: (healthy: boolean) => void = () => {};
    const health = createHealth(
      () => {
        checks += 1;
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
      () => now,
    );
    const first = health();
    now = 900;
    const second = health();
    finish(true);
    expect(await Promise.all([first, second])).toEqual([true, true]);
    now = 1_399;
    expect(await health()).toBe(true);
    expect(checks).toBe(1);
    now = 1_400;
    const third = health();
    finish(false);
    expect(await third).toBe(false);
    expect(checks).toBe(2);
  });
});
