/** Files of a server, written in one round trip. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RenderedFile } from '#src/render/service.ts';

const script = readFileSync(join(import.meta.dirname, 'write-files.sh'), 'utf8');

export const writeCommand: readonly string[] = ['sh', '-c', script];

/** Standard input of `writeCommand`. */
export function writeInput(
  files: readonly Pick<RenderedFile, 'path' | 'content' | 'mode' | 'owner'>[],
): Buffer {
  return Buffer.concat(
    files.flatMap(({ path, content, mode, owner }) => {
      const bytes = Buffer.from(content);
      return [Buffer.from(`${mode.toString(8)} ${owner} ${bytes.length} ${path}\n`), bytes];
    }),
  );
}

/** Removes files, the directories below /etc/tandem that they leave empty, and what interrupted writes left. */
export const removeCommand = (paths: readonly string[]): readonly string[] => [
  'sh',
  '-c',
  `rm -f -- "$@"
find /etc/tandem -name '*.tandem-new-*' -delete
find /etc/systemd/system -maxdepth 1 -name 'tandem-*.tandem-new-*' -delete
find /etc/tandem -mindepth 1 -type d -empty -delete`,
  'sh',
  ...paths,
];
