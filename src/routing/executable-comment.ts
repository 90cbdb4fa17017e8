/** Comments that the server runs, depending on its version. @see https://mariadb.com/kb/en/comment-syntax/ */
import { byteOf, endOfBlockComment, isDigit } from './bytes.ts';

export interface ExecutableComment {
  /** Where what is read as SQL begins; -1 when all of it is a comment to this server. */
  readonly content: number;
  /** Another version of the server may read it otherwise. */
  readonly versioned: boolean;
  /** It holds another comment, and where it ends then depends on the version. */
  readonly odd: boolean;
}

/**
 * Reads the version behind `/*!`, or behind `/*M!` (`own`). MariaDB runs what has no version (of five or six digits) or
 * one up to its own, but for versions of MySQL from 5.7 on without the M.
 */
export function readExecutableComment(
  bytes: Uint8Array,
  from: number,
  own: boolean,
  serverVersion: number,
): ExecutableComment {
  let digits = 0;
  let version = 0;
  while (digits < 6 && isDigit(bytes[from + digits] ?? 0)) {
    version = version * 10 + (bytes[from + digits] ?? byteOf.zero) - byteOf.zero;
    digits++;
  }
  if (digits < 5) return { content: from, versioned: false, odd: false };
  const mysql = !own && version >= 50_700 && version <= 99_999;
  const versioned = !mysql && (own || version >= 50_700);
  if (mysql || version > serverVersion) return { content: -1, versioned, odd: isNested(bytes, from) };
  return { content: from + digits, versioned, odd: false };
}

/** Whether another comment begins before the first end of a comment. */
function isNested(bytes: Uint8Array, from: number): boolean {
  const end = endOfBlockComment(bytes, from);
  for (let index = from; index < (end < 0 ? bytes.length : end); index++) {
    if (bytes[index] === byteOf.slash && bytes[index + 1] === byteOf.star) return true;
  }
  return false;
}
