/**
 * Stack files and exactly what `tandem validate` says about them: golden/NAME.txt holds the file, a line of dashes, and
 * the output. `UPDATE_GOLDEN=1` rewrites the outputs: read the difference before committing it.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadStackFile } from '#src/adapters/stack-file.ts';
import { printIssues } from '#src/cli/output.ts';
import type { Spec } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';

const golden = join(import.meta.dirname, 'golden');
const separator = '----------\n';
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tandem-golden-'));
  await mkdir(join(directory, 'app'));
  await writeFile(join(directory, 'app/server.ts'), '');
  await writeFile(join(directory, 'schema.sql'), 'SELECT 1;\n');
  await writeFile(join(directory, 'importer.password'), 'a secret\nthe one before\n');
  await writeFile(join(directory, 'spaces.password'), 'a secret\nanother one \n');
});

afterAll(async () => rm(directory, { recursive: true }));

async function outputFor(text: string): Promise<string> {
  const lines: string[] = [];
  const file = join(directory, 'tandem.yaml');
  await writeFile(file, text);
  try {
    const { spec, warnings } = await loadStackFile(directory);
    lines.push('OK', ...summary(spec));
    printIssues(warnings, (line) => lines.push(`warning ${line.trimStart()}`));
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    lines.push(`${error.message} [${error.code}, exit ${error.exitCode}]`);
    printIssues(error.issues, (line) => lines.push(line));
    if (error.hint !== undefined) lines.push(error.hint);
  }
  return `${lines.join('\n').replaceAll(directory, 'DIRECTORY')}\n`;
}

function summary(spec: Spec): readonly string[] {
  return [
    ...spec.hosts.map((host) => `${host.name} ${host.address} weight ${host.weight}`),
    `site ${spec.site.addresses.join(' ')} ${spec.site.domain}, operators ${spec.network.operators.join(' ')}`,
  ];
}

const names = (await readdir(golden)).filter((name) => name.endsWith('.txt'));

it.each(names)('%s', async (name) => {
  const file = join(golden, name);
  const [input = '', expected] = (await readFile(file, 'utf8')).split(separator);
  const output = await outputFor(input);
  if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(file, `${input}${separator}${output}`);
  else expect(output).toBe(expected);
});
