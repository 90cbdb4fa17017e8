/** The command-line tool: global options, one file per command, exit codes (docs/errors.md). */
import { styleText } from 'node:util';
import { Command, CommanderError } from 'commander';
import { TandemError } from '#src/std/errors.ts';
import { reportError } from './output.ts';
import { version } from './version.ts';

/**
 * Every command is a file that exports `register(program)`. Loaded when asked for, so that a small command does not pay
 * for a large one; the order is that of `tandem help`.
 */
const commands = new Map<string, () => Promise<{ register(program: Command): void }>>([
  ['init', () => import('./init.ts')],
  ['validate', () => import('./validate.ts')],
  ['plan', () => import('./plan.ts')],
  ['up', () => import('./up.ts')],
  ['deploy', () => import('./deploy.ts')],
  ['upgrade', () => import('./upgrade.ts')],
  ['status', () => import('./status.ts')],
  ['exec', () => import('./exec.ts')],
  ['logs', () => import('./logs.ts')],
  ['switchover', () => import('./switchover.ts')],
  ['failover', () => import('./failover.ts')],
  ['maintenance', () => import('./maintenance.ts')],
  ['db', () => import('./db.ts')],
  ['sql', () => import('./sql.ts')],
  ['firewall', () => import('./firewall.ts')],
  ['top', () => import('./top.ts')],
  ['dashboard', () => import('./dashboard.ts')],
  ['fault', () => import('./fault.ts')],
  ['support-bundle', () => import('./support-bundle.ts')],
  ['down', () => import('./down.ts')],
]);

/** Global options that are followed by a value. */
const optionsWithValue = new Set(['--file', '--state']);

/** Runs the tool with the user's words and returns its exit code. */
export async function main(words: readonly string[]): Promise<number> {
  const own = words.includes('--') ? words.slice(0, words.indexOf('--')) : words;
  if (own.includes('--no-color')) {
    delete process.env['FORCE_COLOR'];
    process.env['NO_COLOR'] = '1';
  }
  const program = newProgram();
  try {
    const load = commands.get(commandIn(own) ?? '');
    const wanted = load === undefined ? [...commands.values()] : [load];
    for (const module of await Promise.all(wanted.map((get) => get()))) module.register(program);
    assertDirectory();
    await program.parseAsync(orHelp(words), { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return reportError(error, own.includes('--verbose'));
  }
}

/** The first word that is neither a global option nor the value of one. */
function commandIn(words: readonly string[]): string | undefined {
  return words.find((word, index) => !word.startsWith('-') && !optionsWithValue.has(words[index - 1] ?? ''));
}

/** No words ask for help; help on what is no command is answered like the command itself: with the nearest one. */
function orHelp(words: readonly string[]): readonly string[] {
  if (words.length === 0) return ['help'];
  const [first, asked] = words;
  const unknown = first === 'help' && asked !== undefined && !commands.has(asked) && asked !== 'help';
  return unknown && !asked.startsWith('-') ? [asked] : words;
}

/** A shell can stand in a directory that somebody has removed. */
function assertDirectory(): void {
  try {
    process.cwd();
  } catch (cause) {
    throw new TandemError('directory-gone', 'The current directory no longer exists.', {
      kind: 'input',
      hint: 'Change to one that does.',
      cause,
    });
  }
}

/** Settings made here are inherited by every command that is registered afterwards. */
function newProgram(): Command {
  return new Command('tandem')
    .description('One stack file becomes a whole, highly available web infrastructure, and stays up.')
    .usage('[options] <command>')
    .option('--file <path>', 'the stack file (default: tandem.yaml here)')
    .option(
      '--state <directory>',
      'where secrets and lab files are kept (default: TANDEM_STATE, else .tandem/STACK beside the stack file)',
    )
    .option('--no-color', 'plain text, also on a terminal')
    .option('--verbose', 'say more when something fails')
    .version(version(), '-V, --version', 'the version of Tandem')
    .helpOption('-h, --help', 'this help, or that of a command')
    .helpCommand('help [command]', 'this help, or that of a command')
    .addHelpText('after', helpAfter)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, styleTitle: (title) => styleText('bold', title) })
    .configureOutput({
      outputError: (text, write) =>
        write(`${text.replace(/^error: /, `${styleText('red', 'error', { stream: process.stderr })} `)}`),
    });
}

const helpAfter = (context: { command: Command }) =>
  context.command.parent === null
    ? `
Start:
  tandem init          write a stack file here, then set web.app in it
  tandem validate      check it
  tandem up            bring it up; again after every change

Exit codes: 0 done, 1 an operation failed, 2 bad input, 70 a bug in Tandem.`
    : '';
