/**
 * Tokeniser for MariaDB's SQL over bytes: one pass, one token at a time, nothing allocated per token.
 *
 * It is never more certain than the server: what the server may read in another way sets `odd`, and a statement with
 * something odd is not understood as a whole.
 * @see https://mariadb.com/kb/en/lexical-structure/ https://mariadb.com/kb/en/comment-syntax/
 */
import {
  beginsLineComment,
  byteKind,
  byteOf,
  endOfBlockComment,
  endOfNumber,
  endOfQuoted,
  endOfVariable,
  hasHigh,
  isDigit,
  isNamePart,
  kinds,
} from './bytes.ts';
import { readExecutableComment } from './executable-comment.ts';
import { readHint } from './hint.ts';
import { isAsciiBased, isByteSafe, isUtf8, type Modes } from './modes.ts';
import type { Hints } from './statement.ts';
import { token } from './token.ts';
import { findWord, folded, hashStep } from './words.ts';

const none = -1;
const noHints: Hints = Object.freeze({});

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
    if (this.char === byteOf.semicolon) return this.kind;
    const afterDot = this.char === byteOf.dot;
    const afterName = this.kind === token.word || this.kind === token.quotedName;
    const byte = this.#skipSpace();
    this.from = this.#at;
    this.word = 0;
    this.char = 0;
    if (byte === none) this.kind = token.end;
    else this.#token(byte, afterDot, afterName);
    this.to = this.#at;
    return this.kind;
  }

  #token(byte: number, afterDot: boolean, afterName: boolean): void {
    const { bytes } = this;
    switch (kinds[byte]) {
      case byteKind.name:
      case byteKind.high:
        this.#name(afterDot);
        return;
      case byteKind.digit:
        this.#number(afterDot);
        return;
      case byteKind.quote:
        this.#quoted(byte);
        return;
      case byteKind.at:
        this.#variable();
        return;
      case byteKind.punctuation:
        if (byte === byteOf.dot && !afterName && isDigit(bytes[this.#at + 1] ?? 0)) this.#number(false);
        else {
          this.char = byte;
          this.kind = byte === byteOf.question ? token.parameter : token.punctuation;
          this.#at++;
        }
        return;
      default:
        if (byte === byteOf.backslash && bytes[this.#at + 1] === byteOf.capitalN) {
          this.kind = token.number; // \N is NULL.
          this.#at += 2;
          return;
        }
        this.odd = true;
        this.char = byte;
        this.kind = token.punctuation;
        this.#at++;
    }
  }

  /** Skips white space and comments; returns the byte there, or `none` at the end. */
  #skipSpace(): number {
    const { bytes } = this;
    while (this.#at < bytes.length) {
      const byte = bytes[this.#at] ?? 0;
      if (kinds[byte] === byteKind.space) this.#at++;
      else if (byte === byteOf.hash) this.#lineComment();
      else if (byte === byteOf.minus && beginsLineComment(bytes, this.#at)) this.#lineComment();
      else if (byte === byteOf.slash && bytes[this.#at + 1] === byteOf.star) this.#blockComment();
      else if (byte === byteOf.star && this.#executable && bytes[this.#at + 1] === byteOf.slash) {
        this.#executable = false;
        this.#at += 2;
      } else return byte;
    }
    if (this.#executable) this.odd = true;
    this.#executable = false;
    return none;
  }

  #lineComment(): void {
    const end = this.bytes.indexOf(byteOf.newline, this.#at);
    this.#skipText(end < 0 ? this.bytes.length : end);
  }

  #blockComment(): void {
    const { bytes } = this;
    const from = this.#at + 2;
    const own = bytes[from] === byteOf.capitalM && bytes[from + 1] === byteOf.bang;
    const executable = own || bytes[from] === byteOf.bang;
    if (executable && this.#executableComment(own ? from + 2 : from + 1, own)) return;
    const end = endOfBlockComment(bytes, from);
    if (end < 0) {
      this.odd = true;
      this.#at = bytes.length;
      return;
    }
    this.hints = readHint(bytes, from, end, this.hints);
    this.#skipText(end + 2);
  }

  /** True when the comment's content is read as SQL. */
  #executableComment(from: number, own: boolean): boolean {
    if (this.#executable) this.odd = true; // Comments in comments: the server's rules differ by version.
    const { content, versioned, odd } = readExecutableComment(this.bytes, from, own, this.#version);
    if (versioned) this.versioned = true;
    if (odd) this.odd = true;
    if (content < 0) return false;
    this.#executable = true;
    this.#at = content;
    return true;
  }

  /** Over text that isn't read: in character sets with ambiguous second bytes it can hide its own end. */
  #skipText(to: number): void {
    if (!this.#safe && hasHigh(this.bytes, this.#at, to)) this.odd = true;
    this.#at = to;
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
    const end = afterDot ? -1 : endOfNumber(this.bytes, this.#at);
    if (end < 0) {
      this.#name(true);
      return;
    }
    this.kind = token.number;
    this.#at = end;
  }

  #quoted(delimiter: number): void {
    const isName = delimiter === byteOf.backtick || (delimiter === byteOf.doubleQuote && this.#ansiQuotes);
    this.kind = isName ? token.quotedName : token.string;
    this.#skipQuoted(!isName && this.#backslashes);
  }

  #skipQuoted(backslashes: boolean): void {
    const end = endOfQuoted(this.bytes, this.#at, backslashes);
    if (end > this.bytes.length) this.odd = true;
    this.#skipText(Math.min(end, this.bytes.length));
  }

  #variable(): void {
    const { bytes } = this;
    const next = bytes[++this.#at] ?? 0;
    this.kind = next === byteOf.at ? token.systemVariable : token.userVariable;
    if (next === byteOf.at) {
      this.#at++;
      return;
    }
    if (kinds[next] === byteKind.quote) {
      this.#skipQuoted(next !== byteOf.backtick && this.#backslashes);
      return;
    }
    const end = endOfVariable(bytes, this.#at);
    if (!this.#utf8 && hasHigh(bytes, this.#at, end)) this.odd = true;
    this.#at = end;
  }
}
