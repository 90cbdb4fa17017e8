import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nameFrom } from '#src/cli/init.ts';
import { reportError, table } from '#src/cli/output.ts';
import { inputError, TandemError } from '#src/std/errors.ts';

let written: string;

beforeEach(() => {
  written = '';
  vi.stubEnv('NO_COLOR', '1');
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += text;
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe('reportError', () => {
  it('prints bad input with every issue: exit 2', () => {
    const issues = [
      { path: 'a.b', message: 'is wrong', hint: 'Write c.', line: 3 },
      { path: 'd', message: 'too' },
    ];
    expect(reportError(inputError('bad', 'The file has 2 problems.', issues, 'See the page.'), false)).toBe(
      2,
    );
    expect(written).toBe(
      'error The file has 2 problems.\n  a.b (line 3): is wrong\n    Write c.\n  d: too\nSee the page.\n',
    );
  });

  it('prints an operation that failed: exit 1', () => {
    expect(reportError(new TandemError('x', 'lb-1 did not start.', { hint: 'See its log.' }), false)).toBe(1);
    expect(written).toBe('error lb-1 did not start.\nSee its log.\n');
  });

  it('asks for a report of a bug, without a stack: exit 70', () => {
    expect(reportError(new TypeError('x is not a function'), false)).toBe(70);
    expect(written).toBe(
      'bug Tandem met something that it did not expect: x is not a function\nPlease report it with what the same command prints with --verbose.\n',
    );
  });

  it('shows the stack and its cause with --verbose', () => {
    reportError(new Error('outer', { cause: new Error('inner') }), true);
    expect(written).toMatch(/outer\n +at .*\[cause\]: Error: inner/s);
  });

  it('lets no text of a file steer the terminal', () => {
    reportError(inputError('bad', 'x', [{ path: 'a\u001b[31m', message: 'b\r\u202e' }]), false);
    expect(written).toBe('error x\n  a\\u{1b}[31m: b\\u{d}\\u{202e}\n');
  });
});

it('a table has aligned columns and no lines', () => {
  const rows = [
    ['lb-1', '10.77.0.11'],
    ['server-1', ''],
  ];
  expect(table(['host', 'address'], rows)).toBe('host      address\nlb-1      10.77.0.11\nserver-1');
});

it.each([
  ['My Shop', 'my-shop'],
  ['2nd-site', 'nd-site'],
  ['---', 'site'],
  ['a-very-long-directory-name', 'a-very-long-director'],
  ['Größe', 'gr-e'],
])('a stack name from the directory %s', (text, name) => {
  expect(nameFrom(text)).toBe(name);
});
