/**
 * Where the static files lie within the application: both are one release, so that a page never meets the answers of
 * another version than its own.
 */
import type { ParsedStack } from './schema.ts';

/** Path of `web.static` below `web.app.directory` ('' for the same directory); undefined when it lies outside. */
export function staticPath({ web }: Pick<ParsedStack, 'web'>): string | undefined {
  if (web.static === undefined) return undefined;
  const application = segments(web.app.directory);
  const files = segments(web.static);
  const isInside =
    web.app.directory.startsWith('/') === web.static.startsWith('/') &&
    application.every((segment, index) => segment === files[index]);
  return isInside ? files.slice(application.length).join('/') : undefined;
}

/** Parts of a path without `.` and resolved `..`; those above the start stay. */
function segments(path: string): readonly string[] {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..' && kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else kept.push(segment);
  }
  return kept;
}
