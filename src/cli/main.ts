/** The command-line tool: global options, one file per command, exit codes (docs/errors.md). */
import { Command, CommanderError } from 'commander';
import { reportError } from './output.ts';

/** Loaded when asked for, so that a small command does not pay for a large one. */
const commands: Readonly<Record<string, () => Promise<{ register(program: Command): void }>>> = {
  init: () => import('./init.ts'),
  validate: () => import('./validate.ts'),
  plan: () => import('./plan.ts'),
  up: () => import('./up.ts'),
  status: () => import('./status.ts'),
  exec: () => import('./exec.ts'),
  logs: () => import('./logs.ts'),
  firewall: () => import('./firewall.ts'),
  down: () => import('./down.ts'),
};

/** Runs the tool with the user's words and returns its exit code. */
export async function main(words: readonly string[]): Promise<number> {
  const program = new Command('tandem')
    .description('One stack file becomes a whole, highly available web infrastructure, and stays up.')
    .option('--file <path>', 'the stack file (default: tandem.yaml here)')
    .option(
      '--state <directory>',
      'where secrets and lab files are kept (default: .tandem/STACK beside the stack file)',
    )
    .option('--verbose', 'say more when something fails')
    .showSuggestionAfterError(true)
    .exitOverride()
    .helpOption('-h, --help', 'this help')
    .configureHelp({ showGlobalOptions: true });
  const asked = words.find((word) => word in commands);
  const wanted = asked === undefined ? Object.keys(commands) : [asked];
  for (const name of wanted) (await commands[name]?.())?.register(program);
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program);
  try {
    await program.parseAsync(words, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return reportError(error, words.includes('--verbose'));
  }
}
