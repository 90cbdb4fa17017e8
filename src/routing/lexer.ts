/**
 * Tokeniser for MariaDB's SQL over bytes: one pass, one token at a time, nothing allocated per token.
 *
 * It is never more certain than the server: what the server may read in another way sets `odd`, and a statement with
 * something odd is not understood as a whole.
 * @see https://mariadb.com/kb/en/lexical-structure/ https://mariadb.com/kb/en/comment-syntax/
 */
import { readHint } from './hint.ts';
import { isAsciiBased, isByteSafe, isUtf8, type Modes } from './modes.ts';
import type { Hints } from './statement.ts';
import { findWord, folded, hashStep } from './words.ts';

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

const kindOf = { other: 0, space: 1, name: 2, digit: 3, punctuation: 4, quote: 5, at: 6, high: 7 } as const;

const classes = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const char = String.fromCharCode(byte);
  if (byte >= 128) classes[byte] = kindOf.high;
  else if (' \t\n\v\f\r'.includes(char)) classes[byte] = kindOf.space;
  else if (/[A-Za-z_$]/.test(char)) classes[byte] = kindOf.name;
  else if (/[0-9]/.test(char)) classes[byte] = kindOf.digit;
  else if ('\'"`'.includes(char)) classes[byte] = kindOf.quote;
  else if (char === '@') classes[byte] = kindOf.at;
  else if ('!%&()*+,-./:;<=>?[]^|~#'.includes(char)) classes[byte] = kindOf.punctuation;
}

const isNamePart = (byte: number): boolean => {
  const kind = classes[byte];
  return kind === kindOf.name || kind === kindOf.digit || kind === kindOf.high;
};
const isDigit = (byte: number): boolean => classes[byte] === kindOf.digit;

const newline = 10;
const doubleQuote = 34;
const hash = 35;
const dollar = 36;
const quote = 39;
const star = 42;
const plus = 43;
const minus = 45;
const dot = 46;
const slash = 47;
const semicolon = 59;
const question = 63;
const at = 64;
const capitalN = 78;
const backslash = 92;
const backtick = 96;
const none = -1;

export class Lexer {
  /** The current token. */
  kind = 0;
  word = 0;
  char = 0;
  from = 0;
  to = 0;
  /** Something that the server may read differently, or not at all. */
  odd = false;
  /** An executable comment that depends on the server's version. */
  versioned = false;
  hints: Hints = {};
  bytes: Uint8Array = new Uint8Array(0);

  #at = 0;
  #executable = false;
  #ansiQuotes = false;
  #backslashes = true;
  #utf8 = true;
  #safe = true;
  #version = 0;

  start(bytes: Uint8Array, modes: Modes): void {
    this.bytes = bytes;
    this.#at = 0;
    this.kind = token.end;
    this.char = 0;
    this.from = 0;
    this.to = 0;
    this.versioned = false;
    this.hints = noHints;
    this.#executable = false;
    this.#ansiQuotes = modes.sqlMode?.ansiQuotes ?? false;
    this.#backslashes = !(modes.sqlMode?.noBackslashEscapes ?? false);
    this.#utf8 = isUtf8(modes.charset);
    this.#safe = isByteSafe(modes.charset);
    this.#version = modes.serverVersion;
    this.odd = !isAsciiBased(modes.charset);
  }

  /** The place of the current token, for `back`. */
  place(): number {
    return this.from * 2 + (this.#executable ? 1 : 0);
  }

  /** Makes the token at `place` the current one again. */
  back(place: number): void {
    this.#at = Math.floor(place / 2);
    this.#executable = place % 2 === 1;
    this.kind = token.punctuation;
    this.char = 0;
    this.next();
  }

  /** Goes over the semicolon that `next` stays on. */
  nextStatement(): number {
    this.char = 0;
    return this.next();
  }

  /**
   * Goes to the next token and returns its kind. Stays on a semicolon, and at the end on `token.end`, so that nothing
   * that reads a statement can run into the one behind it.
   */
  next(): number {
    if (this.char === semicolon) return this.kind;
    const bytes = this.bytes;
    const afterDot = this.kind === token.punctuation && this.char === dot;
    const afterName = this.kind === token.word || this.kind === token.quotedName;
    const byte = this.#skipSpace();
    this.from = this.#at;
    this.word = 0;
    this.char = 0;
    if (byte === none) {
      this.to = this.#at;
      this.kind = token.end;
      return token.end;
    }
    switch (classes[byte]) {
      case kindOf.name:
      case kindOf.high:
        this.#name(afterDot);
        break;
      case kindOf.digit:
        this.#number(afterDot);
        break;
      case kindOf.quote:
        this.#quoted(byte);
        break;
      case kindOf.at:
        this.#variable();
        break;
      case kindOf.punctuation:
        if (byte === dot && !afterName && isDigit(bytes[this.#at + 1] ?? 0)) {
          this.#number(false);
          break;
        }
        this.char = byte;
        this.kind = byte === question ? token.parameter : token.punctuation;
        this.#at++;
        break;
      default:
        if (byte === backslash && bytes[this.#at + 1] === capitalN) {
          this.kind = token.number; // \N is NULL.
          this.#at += 2;
          break;
        }
        this.odd = true;
        this.char = byte;
        this.kind = token.punctuation;
        this.#at++;
    }
    this.to = this.#at;
    return this.kind;
  }

  /** Skips white space and comments; returns the byte there, or `none` at the end. */
  #skipSpace(): number {
    const bytes = this.bytes;
    for (;;) {
      if (this.#at >= bytes.length) {
        if (this.#executable) this.odd = true;
        this.#executable = false;
        return none;
      }
      const byte = bytes[this.#at] ?? 0;
      if (classes[byte] === kindOf.space) this.#at++;
      else if (byte === hash) this.#lineComment();
      else if (byte === minus && bytes[this.#at + 1] === minus && this.#beginsLineComment())
        this.#lineComment();
      else if (byte === slash && bytes[this.#at + 1] === star) this.#blockComment();
      else if (byte === star && this.#executable && bytes[this.#at + 1] === slash) {
        this.#executable = false;
        this.#at += 2;
      } else return byte;
    }
  }

  /** `--` begins a comment only before white space, a control character or the end. */
  #beginsLineComment(): boolean {
    const byte = this.bytes[this.#at + 2] ?? 0;
    return byte <= 32 || byte === 127;
  }

  #lineComment(): void {
    const end = this.bytes.indexOf(newline, this.#at);
    const to = end < 0 ? this.bytes.length : end;
    this.#checkBytes(this.#at, to);
    this.#at = to;
  }

  #blockComment(): void {
    const { bytes } = this;
    const from = this.#at + 2;
    const own = bytes[from] === 77 && bytes[from + 1] === 33;
    if (own || bytes[from] === 33) {
      if (this.#executableComment(own ? from + 2 : from + 1, own)) return;
    }
    let end = bytes.indexOf(star, from);
    while (end >= 0 && bytes[end + 1] !== slash) end = bytes.indexOf(star, end + 1);
    if (end < 0) {
      this.odd = true;
      this.#at = bytes.length;
      return;
    }
    this.#checkBytes(from, end);
    this.hints = readHint(bytes, from, end, this.hints);
    this.#at = end + 2;
  }

  /**
   * Reads the version of an executable comment; true when its content is read as SQL. MariaDB runs what has no version
   * or one up to its own, but for versions of MySQL from 5.7 on without the M.
   */
  #executableComment(from: number, own: boolean): boolean {
    if (this.#executable) this.odd = true; // Comments in comments: the server's rules differ by version.
    let digits = 0;
    let version = 0;
    while (digits < 6 && isDigit(this.bytes[from + digits] ?? 0)) {
      version = version * 10 + (this.bytes[from + digits] ?? 48) - 48;
      digits++;
    }
    if (digits < 5) {
      this.#executable = true;
      this.#at = from;
      return true;
    }
    if (!own && version >= 50_700 && version <= 99_999) {
      // Read as a plain comment; but what is nested in it ends at another place for the server.
      if (this.#nested(from)) this.odd = true;
      return false;
    }
    if (own || version >= 50_700) this.versioned = true;
    if (version > this.#version) {
      if (this.#nested(from)) this.odd = true;
      return false;
    }
    this.#executable = true;
    this.#at = from + digits;
    return true;
  }

  /** Whether another comment begins before the first end of a comment. */
  #nested(from: number): boolean {
    const { bytes } = this;
    for (let index = from; index < bytes.length; index++) {
      if (bytes[index] === slash && bytes[index + 1] === star) return true;
      if (bytes[index] === star && bytes[index + 1] === slash) return false;
    }
    return false;
  }

  /** In character sets with ambiguous second bytes, text beyond ASCII can hide the end of a comment. */
  #checkBytes(from: number, to: number): void {
    if (this.#safe || this.odd) return;
    for (let index = from; index < to; index++) if ((this.bytes[index] ?? 0) >= 128) this.odd = true;
  }

  #name(afterDot: boolean): void {
    const { bytes } = this;
    let index = this.#at;
    let sum = 0;
    let high = 0;
    for (; index < bytes.length; index++) {
      const byte = bytes[index] ?? 0;
      if (!isNamePart(byte)) break;
      high |= byte;
      sum = hashStep(sum, folded[byte] ?? 0);
    }
    // Outside UTF-8 a byte beyond ASCII can be a letter, white space or nothing at all.
    if (high >= 128 && !this.#utf8) this.odd = true;
    this.kind = token.word;
    this.word = afterDot ? 0 : findWord(bytes, this.#at, index, sum);
    this.#at = index;
  }

  /** A number, or a name that begins with a digit. */
  #number(afterDot: boolean): void {
    const { bytes } = this;
    let index = this.#at;
    if (!afterDot) {
      while (isDigit(bytes[index] ?? 0)) index++;
      const single = index === this.#at + 1 && bytes[this.#at] === 48;
      const letter = folded[bytes[index] ?? 0];
      if (bytes[index] === dot) {
        index++;
        while (isDigit(bytes[index] ?? 0)) index++;
        index = this.#exponent(index);
      } else if (single && (letter === 120 || letter === 98) && isNamePart(bytes[index + 1] ?? 0)) {
        while (isNamePart(bytes[index] ?? 0)) index++;
      } else {
        index = this.#exponent(index);
        if (index === this.#at || (isNamePart(bytes[index] ?? 0) && isDigit(bytes[index - 1] ?? 0))) {
          this.#name(true);
          return;
        }
      }
      this.kind = token.number;
      this.#at = index;
      return;
    }
    this.#name(true);
  }

  #exponent(from: number): number {
    const { bytes } = this;
    if (folded[bytes[from] ?? 0] !== 101) return from;
    const sign = bytes[from + 1];
    let index = sign === plus || sign === minus ? from + 2 : from + 1;
    if (!isDigit(bytes[index] ?? 0)) return from;
    while (isDigit(bytes[index] ?? 0)) index++;
    return index;
  }

  #quoted(delimiter: number): void {
    const isName = delimiter === backtick || (delimiter === doubleQuote && this.#ansiQuotes);
    this.kind = isName ? token.quotedName : token.string;
    this.#skipQuoted(delimiter, !isName && this.#backslashes);
  }

  /** Moves behind the closing quote; a doubled one is a part of the text. */
  #skipQuoted(delimiter: number, backslashes: boolean): void {
    const { bytes } = this;
    let high = 0;
    let index = this.#at + 1;
    for (; index < bytes.length; index++) {
      const byte = bytes[index] ?? 0;
      if (byte === delimiter) {
        if (bytes[index + 1] !== delimiter) break;
        index++;
      } else if (byte === backslash && backslashes) {
        index++;
        high |= bytes[index] ?? 0;
      } else high |= byte;
    }
    if (index >= bytes.length) this.odd = true;
    if (high >= 128 && !this.#safe) this.odd = true;
    this.#at = Math.min(index + 1, bytes.length);
  }

  #variable(): void {
    const { bytes } = this;
    const next = bytes[++this.#at] ?? 0;
    if (next === at) {
      this.#at++;
      this.kind = token.systemVariable;
      return;
    }
    this.kind = token.userVariable;
    if (next === quote || next === doubleQuote || next === backtick) {
      this.#skipQuoted(next, next !== backtick && this.#backslashes);
      return;
    }
    for (;;) {
      const byte = bytes[this.#at] ?? 0;
      if (!isNamePart(byte) && byte !== dot && byte !== dollar) return;
      if (byte >= 128 && !this.#utf8) this.odd = true;
      this.#at++;
    }
  }
}

const noHints: Hints = Object.freeze({});
