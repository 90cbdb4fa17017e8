/** Hints in block comments: `tandem:primary`, `tandem:replica`, `tandem:consistency=LEVEL`. */
import type { ConsistencyLevel, Hints } from './statement.ts';

export const consistencyLevels: readonly ConsistencyLevel[] = ['session', 'host', 'global', 'eventual'];

/** A level by its name in any letter case; undefined for anything else. */
export function parseConsistency(text: string): ConsistencyLevel | undefined {
  const name = text.trim().toLowerCase();
  return consistencyLevels.find((level) => level === name);
}

const prefix = 'tandem:';
/** Longer comments hold no hint. */
const longestHint = 200;

/**
 * What the comment between `from` and `to` adds to `hints`. Of several hints the stricter one holds for the target,
 * the last one for the consistency; what isn't known is ignored.
 */
export function readHint(bytes: Uint8Array, from: number, to: number, hints: Hints): Hints {
  let start = from;
  while (start < to && (bytes[start] ?? 0) <= 32) start++;
  if (((bytes[start] ?? 0) | 32) !== 116 || to - start > longestHint) return hints;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, to - start)
    .toString('latin1')
    .toLowerCase();
  if (!text.startsWith(prefix)) return hints;
  let result = hints;
  for (const part of text.split(/[\s,;]+/)) {
    const hint = part.startsWith(prefix) ? part.slice(prefix.length) : part;
    if (hint === 'primary') result = { ...result, target: 'primary' };
    else if (hint === 'replica') result = { ...result, target: result.target ?? 'replica' };
    else if (hint.startsWith('consistency=')) {
      const consistency = parseConsistency(hint.slice('consistency='.length));
      if (consistency !== undefined) result = { ...result, consistency };
    }
  }
  return result;
}
