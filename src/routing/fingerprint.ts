/**
 * The shape of a statement: literals become `?`, lists of them `?+`, comments go, keywords and names keep their place.
 * For metrics and the slow-statement log, where one line stands for all statements that differ in values alone.
 */
import { Lexer } from './lexer.ts';
import { defaultModes, type Modes } from './modes.ts';
import { Shape } from './shape.ts';
import { token } from './token.ts';

const lexer = new Lexer();
const noBytes = new Uint8Array(0);

/** Bytes that are read for a fingerprint: its length bounds what can matter, but for long lists of values. */
const mostBytes = 64 * 1024;

/**
 * At most `longest` characters; a longer one ends with `…`. Never throws. Of a text of more than 64 KiB only the
 * beginning is read.
 */
export function fingerprint(sql: Uint8Array | string, modes: Modes = defaultModes, longest = 512): string {
  const all = typeof sql === 'string' ? Buffer.from(sql) : sql;
  const bytes = all.length > mostBytes ? all.subarray(0, mostBytes) : all;
  lexer.start(bytes, modes);
  const out = new Shape(longest);
  while (!out.full && lexer.nextStatement() !== token.end) out.add(lexer);
  lexer.bytes = noBytes;
  return out.finish(out.full || bytes.length < all.length);
}
