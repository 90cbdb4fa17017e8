/**
 * Makes something that parses out of something that does not, so that the rules across keys can look at the rest of a
 * file in the same go. What was replaced is remembered (`tainted`): a rule that reads it stays silent.
 */
import { meantKey, type SchemaIssue } from './describe.ts';

export type Path = readonly string[];

/** Stand-ins for required keys; every other key may simply go. */
const standIns: readonly (readonly [pattern: string, value: () => unknown])[] = [
  ['stack', () => 'stack'],
  ['hosts', () => ({})],
  ['hosts.*', () => ({ roles: ['web'] })],
  ['hosts.*.roles', () => ['web']],
  ['web', () => ({ app: { directory: '.', command: ['true'] } })],
  ['web.app', () => ({ directory: '.', command: ['true'] })],
  ['web.app.directory', () => '.'],
  ['web.app.command', () => ['true']],
];

/** Deeper than any key of the schema; a YAML alias can point at its own ancestor. */
const deepest = 12;

/** A copy of plain mappings and lists that `repair` may change. */
export function copyOf(value: unknown, depth = 0): unknown {
  if (depth > deepest) return undefined;
  if (Array.isArray(value)) return value.map((item) => copyOf(item, depth + 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyOf(item, depth + 1)]));
}

/** Changes `draft` (a copy) so that `issues` go away; gives the paths that it replaced. */
export function repair(draft: unknown, issues: readonly SchemaIssue[]): readonly Path[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) replaceAt(draft, [...issue.path, key].map(String));
      // A misspelt key leaves the right one at its default, which rules then must not complain about.
      return issue.keys.flatMap((key) => {
        const meant = meantKey(issue.path, key);
        const path = [...issue.path.map(String), meant ?? ''];
        return meant === undefined || isAt(draft, path) ? [] : [path];
      });
    }
    const path = wholeList(issue.path);
    replaceAt(draft, path);
    return [path];
  });
}

/** A bad item spoils its list: the path up to the first list index. */
function wholeList(path: readonly PropertyKey[]): Path {
  const index = path.findIndex((key) => typeof key === 'number');
  return (index === -1 ? path : path.slice(0, index)).map(String);
}

function replaceAt(draft: unknown, path: Path): void {
  const last = path.at(-1);
  const parent = path
    .slice(0, -1)
    .reduce<unknown>(
      (value, key) => (isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined),
      draft,
    );
  if (last === undefined || !isMapping(parent)) return;
  const standIn = standIns.find(([pattern]) => matches(path, pattern.split('.')));
  if (standIn === undefined) delete parent[last];
  else parent[last] = standIn[1]();
}

function isAt(draft: unknown, path: Path): boolean {
  const found = path.reduce<unknown>(
    (value, key) => (isMapping(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    draft,
  );
  return found !== undefined;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function matches(path: Path, pattern: Path): boolean {
  return path.length === pattern.length && overlaps(path, pattern);
}

/** Whether one of the two is the other or lies above it; `*` in `pattern` stands for any name. */
export function overlaps(path: Path, pattern: Path): boolean {
  return pattern.every((key, index) => index >= path.length || key === '*' || key === path[index]);
}
