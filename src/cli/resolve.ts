/** From the global options to the stack that a command works on. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { loadStackFile } from '#src/adapters/stack-file.ts';
import type { StackLocation } from '#src/provision/stack.ts';
import type { Issue } from '#src/std/errors.ts';
import { printWarnings } from './output.ts';

interface GlobalOptions {
  readonly file?: string;
  readonly state?: string;
}

/** Commands about the file itself; the others would repeat its warnings at every call. */
const commandsThatWarn = new Set(['validate', 'plan', 'up']);

/** Reads and checks the stack file that `--file` or the current directory names; all its problems are one error. */
export async function resolveStack(
  command: Command,
): Promise<StackLocation & { readonly warnings: readonly Issue[] }> {
  const { file, state } = command.optsWithGlobals<GlobalOptions>();
  const loaded = await loadStackFile(process.cwd(), file);
  if (commandsThatWarn.has(command.name())) printWarnings(loaded.warnings);
  const given = state ?? process.env['TANDEM_STATE'];
  const stateDirectory =
    given === undefined ? resolve(loaded.directory, '.tandem', loaded.spec.stack) : resolve(given);
  return { ...loaded, stateDirectory };
}
