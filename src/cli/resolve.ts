/** From the global options to the stack that a command works on. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { loadStackFile } from '#src/adapters/stack-file.ts';
import type { StackLocation } from '#src/provision/stack.ts';
import { printIssues } from './output.ts';

interface GlobalOptions {
  readonly file?: string;
  readonly state?: string;
}

export async function resolveStack(command: Command): Promise<StackLocation> {
  const { file, state } = command.optsWithGlobals<GlobalOptions>();
  const loaded = await loadStackFile(process.cwd(), file);
  printIssues(loaded.warnings, (line) => process.stderr.write(`warning${line}\n`));
  const given = state ?? process.env['TANDEM_STATE'];
  const stateDirectory =
    given === undefined ? resolve(loaded.directory, '.tandem', loaded.spec.stack) : resolve(given);
  return { spec: loaded.spec, file: loaded.file, directory: loaded.directory, stateDirectory };
}
