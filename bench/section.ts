/** Sections of docs/benchmarks.md, each between its marks and written by its benchmark. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repository } from '#test/support/lab.ts';

/** Replaces the section of `npm run NAME`, or puts it at the end; the rest of the page stays as it is. */
export async function writeSection(name: string, lines: readonly string[]): Promise<void> {
  const path = join(repository, 'docs/benchmarks.md');
  const begin = `<!-- ${name} begins: written by npm run ${name} -->`;
  const end = `<!-- ${name} ends -->`;
  const page = await readFile(path, 'utf8').catch(() => '# Benchmarks\n');
  const [before = '', rest = ''] = page.includes(begin) ? page.split(begin) : [`${page.trimEnd()}\n\n`, end];
  const after = rest.slice(rest.indexOf(end) + end.length);
  const section = [begin, ...lines, end].join('\n');
  await writeFile(path, `${before}${section}\n${after.trim() === '' ? '' : `\n${after.trim()}\n`}`);
}
