/** Kinds of tokens. */
export const token = {
  end: 0,
  /** A bare word; `word` has its number, or 0 after a dot and for a word that isn't known. */
  word: 1,
  /** `name`, or "name" with ANSI_QUOTES. */
  quotedName: 2,
  /** A string in quotes; a character set introducer before it is a word of its own. */
  string: 3,
  number: 4,
  /** One byte of punctuation, in `char`. */
  punctuation: 5,
  /** @name or @'name', and a bare @. */
  userVariable: 6,
  /** The @@ before a system variable. */
  systemVariable: 7,
  /** ? of a prepared statement. */
  parameter: 8,
} as const;
