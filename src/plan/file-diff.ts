/** What changes in a file of a host, for the person who reads a plan. */
import { structuredPatch } from 'diff';

/** Lines around a change that show where it is. */
const contextLines = 1;
/** Two files that share next to nothing: a comparison would take long and tell nothing. */
const maxEditLength = 1_000;

/**
 * Lines of a unified diff without its head: `@@ -3,2 +3,3 @@`, then lines that begin with a space, `-` or `+`. Empty for what
 * nobody reads line by line: certificates, and files too different to compare.
 */
export function diffLines(before: string, after: string): readonly string[] {
  if (isArmored(before) || isArmored(after)) return [];
  const patch = structuredPatch('', '', before, after, '', '', { context: contextLines, maxEditLength });
  return (patch?.hunks ?? []).flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => [
    `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`,
    ...lines,
  ]);
}

const isArmored = (text: string): boolean => text.startsWith('-----BEGIN ');
