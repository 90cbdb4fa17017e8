/** YAML to data, with the line of every key, and syntax errors that show the line that they are about. */
import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { type Issue, inputError, TandemError } from '#src/std/errors.ts';

/** What a stack file says, and where it says it. */
export interface Located {
  readonly data: unknown;
  /** Line of a path such as "hosts.lb-1.weight", or of the nearest key above it; undefined when it is nowhere. */
  readonly lineOf: (path: string) => number | undefined;
}

/** `text` may begin with a byte order mark (the YAML specification allows it). */
export function readYaml(file: string, text: string): Located {
  const counter = new LineCounter();
  const document = parseDocument(text, {
    prettyErrors: false,
    uniqueKeys: true,
    merge: true,
    lineCounter: counter,
  });
  const problems = [...document.errors, ...document.warnings].map((error) => ({
    error,
    ...counter.linePos(error.pos[0]),
  }));
  // What follows on the same line is mostly an echo of the first.
  const first = problems.filter(
    ({ line }, index) => problems.findIndex((one) => one.line === line) === index,
  );
  if (first.length > 0)
    throw badYaml(
      file,
      first.map(({ error, line, col }) => syntaxIssue(plainText(error), line, col, text)),
    );
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    throw new TandemError('empty-stack-file', `${file} is empty.`, {
      kind: 'input',
      hint: "'tandem init --force' writes a commented one in the current directory.",
    });
  }
  return { data: toData(file, document), lineOf: (path) => lineOf(document, counter, path) };
}

function badYaml(file: string, issues: readonly Issue[]): TandemError {
  const count = issues.length === 1 ? 'one problem' : `${issues.length} problems`;
  return inputError('bad-yaml', `${file} is not YAML (${count}); nothing was changed.`, issues);
}

const plainWords: readonly (readonly [RegExp, string])[] = [
  [/^Map keys must be unique/, 'this key is there already'],
  [/multiple documents/, 'a second document begins here: one file is one stack'],
  [/^Tabs are not allowed as indentation/, 'a tab indents this line; YAML takes spaces only'],
  [/^Flow map in block collection/, 'a mapping in braces is not closed here: } is missing'],
  [/^Flow sequence in block collection/, 'a list in brackets is not closed here: ] is missing'],
  [
    /^Nested mappings are not allowed/,
    'a value is followed by keys: check the colons, and how the next line is indented',
  ],
];

function plainText({ message }: { message: string }): string {
  const found = plainWords.find(([pattern]) => pattern.test(message));
  return found?.[1] ?? message.charAt(0).toLowerCase() + message.slice(1);
}

function syntaxIssue(message: string, line: number, column: number, text: string): Issue {
  const shown = (text.split('\n')[line - 1] ?? '').replaceAll('\t', ' ').trimEnd();
  const start = Math.max(0, column - 60);
  const excerpt = shown.slice(start, start + 100);
  return {
    path: `line ${line}, column ${column}`,
    message,
    ...(excerpt.trim() === '' ? {} : { hint: `${excerpt}\n${' '.repeat(column - 1 - start)}^` }),
  };
}

function toData(file: string, document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw badYaml(file, [
      {
        path: 'aliases',
        message: (cause as Error).message,
        hint: 'Write the values out instead of naming them with & and *.',
      },
    ]);
  }
}

function lineOf(document: Document, counter: LineCounter, path: string): number | undefined {
  let node: Node | null | undefined = document.contents;
  let rest = path;
  let offset: number | undefined;
  while (rest !== '') {
    const found = step(node, rest);
    if (found === undefined) break;
    offset = found.offset ?? offset;
    node = found.value;
    rest = found.rest;
  }
  return offset === undefined ? undefined : counter.linePos(offset).line;
}

/** One key down. Keys may hold dots themselves, so they are matched against the beginning of the path. */
function step(
  node: Node | null | undefined,
  path: string,
): { value: Node | null; rest: string; offset: number | undefined } | undefined {
  if (isMap(node)) {
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? pair.key : undefined;
      const name = String(key?.value);
      if (path !== name && !path.startsWith(`${name}.`)) continue;
      return { value: pair.value as Node | null, rest: path.slice(name.length + 1), offset: key?.range?.[0] };
    }
  }
  if (isSeq(node)) {
    const [index = '', ...rest] = path.split('.');
    const item = /^\d+$/.test(index) ? (node.items[Number(index)] as Node | undefined) : undefined;
    if (item !== undefined) return { value: item, rest: rest.join('.'), offset: item.range?.[0] };
  }
  return undefined;
}
