/** Evidence files: what was run, what was seen, with what, when. Docs quote them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from '#test/support/command.ts';
import { repository } from '#test/support/lab.ts';
import { machine, versions } from './versions.ts';

export const evidenceDirectory = join(repository, 'docs/evidence');

export interface Result {
  readonly id: string;
  readonly title: string;
  readonly passed: boolean;
  /** Why it failed; null when it passed. */
  readonly failure: string | null;
  readonly counts: unknown;
  readonly seen: unknown;
  readonly durationSeconds: number;
}

/** The commit that ran, and whether source files differed from it. */
async function commit(): Promise<{ commit: string; modified: boolean }> {
  const git = (...words: string[]) => command('git', ['-C', repository, ...words]);
  const [head, changes] = await Promise.all([
    git('rev-parse', 'HEAD'),
    git('status', '--porcelain', '--', '.', ':!docs'),
  ]);
  return { commit: head.stdout.trim(), modified: changes.stdout.trim() !== '' };
}

/** Writes docs/evidence/ID.json and gives its path. */
export async function writeEvidence(
  result: Result,
  programs: Parameters<typeof versions>[0] = {},
): Promise<string> {
  const path = join(evidenceDirectory, `${result.id}.json`);
  const document = {
    ...result,
    date: new Date().toISOString(),
    ...(await commit()),
    machine: machine(),
    versions: await versions(programs),
  };
  await mkdir(evidenceDirectory, { recursive: true });
  await writeFile(path, `${withoutPlaces(JSON.stringify(document, null, 2))}\n`);
  return path;
}

/** Where on which machine it ran is nothing that was seen. */
function withoutPlaces(text: string): string {
  const temporary = new RegExp(`${tmpdir()}/tandem-[^/"\\s)]+`, 'g');
  return text.replaceAll(repository, '.').replaceAll(temporary, 'DIRECTORY');
}
