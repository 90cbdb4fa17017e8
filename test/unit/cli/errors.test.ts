/** docs/errors.md has every code that the source has, and no other. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
const documented = [...page.matchAll(/^\| `([a-z-]+)`/gm)].map((match) => match[1] ?? '');

const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
  .join('\n');

it('every code of the source is explained in docs/errors.md', () => {
  const codes = [...source.matchAll(/(?:new TandemError|inputError)\(\s*'([a-z-]+)'/g)].map(
    (match) => match[1],
  );
  expect(documented).toEqual(expect.arrayContaining([...new Set(codes)].toSorted()));
});

it('every code of docs/errors.md is in the source, once in the page', () => {
  expect(documented.filter((code) => !source.includes(`'${code}'`))).toEqual([]);
  expect(new Set(documented).size).toBe(documented.length);
});
