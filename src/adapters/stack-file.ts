/** Reads and checks a stack file (YAML, or TypeScript that exports the same shape) with all that it names on disk. */
import { access, constants, readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseDocument } from 'yaml';
import { parseStack } from '#src/spec/parse.ts';
import type { Spec } from '#src/spec/spec.ts';
import { type Issue, inputError, TandemError } from '#src/std/errors.ts';

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

/** `given` is what the user named with --file; without it the usual names are looked for in `directory`. */
export async function loadStackFile(directory: string, given?: string): Promise<LoadedStack> {
  const file = given === undefined ? await findFile(directory) : resolve(directory, given);
  const input = file.endsWith('.ts') ? await readModule(file) : await readYaml(file);
  const result = parseStack(input);
  if (!result.ok) throw badFile(file, result.issues);
  const issues = await missingPaths(result.spec, dirname(file));
  if (issues.length > 0) throw badFile(file, issues);
  return { spec: result.spec, file, directory: dirname(file), warnings: result.warnings };
}

function badFile(file: string, issues: readonly Issue[]): TandemError {
  const count = issues.length === 1 ? 'one problem' : `${issues.length} problems`;
  return inputError('bad-stack-file', `${file} has ${count}; nothing was changed.`, issues);
}

async function findFile(directory: string): Promise<string> {
  for (const name of names) {
    const file = resolve(directory, name);
    if (await isReadable(file)) return file;
  }
  throw new TandemError('no-stack-file', `There is no stack file in ${directory} (${names.join(', ')}).`, {
    kind: 'input',
    hint: "Run 'tandem init' to write one, or name yours with --file.",
  });
}

async function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

async function readText(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > mostBytes) throw new Error(`it has ${size} bytes; at most ${mostBytes} are read`);
    return (await readFile(file, 'utf8')).replace(/^\uFEFF/, '');
  } catch (cause) {
    throw new TandemError('unreadable-stack-file', `${file} can not be read: ${(cause as Error).message}.`, {
      kind: 'input',
      hint: "Check the path and its permissions; 'tandem init' writes a new file.",
      cause,
    });
  }
}

async function readYaml(file: string): Promise<unknown> {
  const document = parseDocument(await readText(file), { prettyErrors: true, uniqueKeys: true });
  if (document.errors.length > 0) {
    throw badFile(
      file,
      document.errors.map((error) => ({
        path:
          error.linePos === undefined
            ? 'YAML'
            : `line ${error.linePos[0].line}, column ${error.linePos[0].col}`,
        message: error.message.replace(/ at line \d+, column \d+:/, ':').trimEnd(),
      })),
    );
  }
  return document.toJS() ?? {};
}

async function readModule(file: string): Promise<unknown> {
  await readText(file);
  try {
    const module = (await import(pathToFileURL(file).href)) as { default?: unknown };
    return module.default;
  } catch (cause) {
    throw new TandemError('bad-stack-file', `${file} does not run: ${(cause as Error).message}`, {
      kind: 'input',
      hint: "It should end with 'export default defineStack({ … })'.",
      cause,
    });
  }
}

/** Everything that the file names and that must be there. */
async function missingPaths(spec: Spec, directory: string): Promise<readonly Issue[]> {
  const { certificate } = spec.site;
  const wanted: readonly [string, string | undefined, 'directory' | 'file'][] = [
    ['web.app.directory', spec.web.app.directory, 'directory'],
    ['web.static', spec.web.static, 'directory'],
    ['database.schemaFile', spec.database.schemaFile, 'file'],
    [
      'site.certificate.certificateFile',
      certificate === 'internal' ? undefined : certificate.certificateFile,
      'file',
    ],
    ['site.certificate.keyFile', certificate === 'internal' ? undefined : certificate.keyFile, 'file'],
  ];
  const checks = wanted.map(async ([key, value, kind]): Promise<readonly Issue[]> => {
    if (value === undefined) return [];
    const path = isAbsolute(value) ? value : resolve(directory, value);
    const found = await stat(path).catch(() => undefined);
    const fits = kind === 'directory' ? found?.isDirectory() : found?.isFile();
    if (fits && (await isReadable(path))) return [];
    return [
      {
        path: key,
        message: `${path} is not a readable ${kind}`,
        hint: `Relative paths start at ${directory}.`,
      },
    ];
  });
  return (await Promise.all(checks)).flat();
}
