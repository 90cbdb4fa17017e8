/** Reads and checks a stack file (YAML, or TypeScript that exports the same shape) with all that it names on disk. */
import { access, constants, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseStack } from '#src/spec/parse.ts';
import type { Spec } from '#src/spec/spec.ts';
import { type Issue, inputError, TandemError } from '#src/std/errors.ts';
import { checkNamedFiles } from './stack-file-paths.ts';
import { type Located, readYaml } from './stack-file-yaml.ts';

export interface LoadedStack {
  readonly spec: Spec;
  /** Absolute path of the stack file. */
  readonly file: string;
  /** Where relative paths of the stack file start. */
  readonly directory: string;
  readonly warnings: readonly Issue[];
}

const names = ['tandem.yaml', 'tandem.yml', 'tandem.config.ts'];
const mostBytes = 1_048_576;

/**
 * `given` is what the user named with --file; without it the usual names are looked for in `directory`. A file with
 * problems is refused with all of them at once, those of the disk included; nothing is changed by looking.
 */
export async function loadStackFile(directory: string, given?: string): Promise<LoadedStack> {
  const file = given === undefined ? await findFile(directory) : resolve(directory, given);
  const text = await readText(file);
  const { data, lineOf } = /\.[cm]?[jt]s$/.test(file) ? await readModule(file) : readYaml(file, text);
  const located = (issue: Issue): Issue => {
    const line = lineOf(issue.path);
    return line === undefined ? issue : { ...issue, line };
  };
  const home = dirname(file);
  const result = parseStack(data);
  const issues = [...(result.ok ? [] : result.issues), ...(await checkNamedFiles(data, home))];
  if (!result.ok || issues.length > 0) throw badFile(file, inFileOrder(issues.map(located)));
  return { spec: result.spec, file, directory: home, warnings: result.warnings.map(located) };
}

function inFileOrder(issues: readonly Issue[]): readonly Issue[] {
  return issues.toSorted((left, right) => (left.line ?? 0) - (right.line ?? 0));
}

/** All that is wrong with a stack file, as one error. */
function badFile(file: string, issues: readonly Issue[]): TandemError {
  const count = issues.length === 1 ? 'one problem' : `${issues.length} problems`;
  return inputError('bad-stack-file', `${file} has ${count}; nothing was changed.`, issues);
}

async function findFile(directory: string): Promise<string> {
  const found: string[] = [];
  for (const name of names) {
    // One that is there but can not be read is an error later, not a reason to take the next one.
    const there = await access(resolve(directory, name), constants.F_OK).then(
      () => true,
      () => false,
    );
    if (there) found.push(name);
  }
  const [first, second] = found;
  if (first === undefined) {
    throw new TandemError('no-stack-file', `There is no stack file in ${directory} (${names.join(', ')}).`, {
      kind: 'input',
      hint: "Run 'tandem init' to write one, or name yours with --file.",
    });
  }
  if (second !== undefined) {
    throw new TandemError(
      'two-stack-files',
      `${directory} has more than one stack file: ${found.join(', ')}.`,
      {
        kind: 'input',
        hint: `Remove one, or name the one that you mean: --file ${first}.`,
      },
    );
  }
  return resolve(directory, first);
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of its path is not a directory',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'its symbolic links go round in a circle',
  ENAMETOOLONG: 'the name is too long',
};

async function readText(file: string): Promise<string> {
  const unreadable = (reason: string, cause?: unknown) =>
    new TandemError('unreadable-stack-file', `${file} can not be read: ${reason}.`, {
      kind: 'input',
      hint: "Check the path and its permissions; 'tandem init' writes a new file.",
      cause,
    });
  try {
    const found = await stat(file);
    // A pipe or device could keep the command waiting for ever.
    if (!found.isFile())
      throw unreadable(found.isDirectory() ? 'it is a directory' : 'it is not a regular file');
    if (found.size > mostBytes)
      throw unreadable(`it has ${found.size} bytes, and at most ${mostBytes} are read`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (cause) {
    if (cause instanceof TandemError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw unreadable('it is not UTF-8 text', cause);
    throw unreadable(reasons[code ?? ''] ?? message, cause);
  }
}

async function readModule(file: string): Promise<Located> {
  const refused = (message: string, cause?: unknown) =>
    new TandemError('bad-stack-file', `${file} ${message}`, {
      kind: 'input',
      hint: "It should say 'export default { … }' with what a tandem.yaml would say, or defineStack({ … }) for types.",
      cause,
    });
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(file).href)) as { default?: unknown };
  } catch (cause) {
    const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    throw refused(`does not run: ${text.split('\n')[0]}`, cause);
  }
  if (typeof module.default !== 'object' || module.default === null)
    throw refused('has no default export that is a stack.');
  return { data: module.default, lineOf: () => undefined };
}
