/** Names and literals as text, read at the tokeniser's place. */
import type { Lexer } from './lexer.ts';
import type { ObjectName } from './statement.ts';
import { token } from './token.ts';

/** The bytes as text: UTF-8, which is what the catalogue is read in. */
function text(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString();
}

/** The current token's text as it stands. */
export function rawText(lexer: Lexer): string {
  return text(lexer.bytes, lexer.from, lexer.to);
}

/** Whether the current token can be a name. */
export function isName(lexer: Lexer): boolean {
  return lexer.kind === token.word || lexer.kind === token.quotedName;
}

/** The name between two bytes, without its quotes. */
export function nameBetween(bytes: Uint8Array, from: number, to: number): string {
  const first = bytes[from];
  if (first !== 96 && first !== 34) return text(bytes, from, to);
  const quote = String.fromCharCode(first);
  return text(bytes, from + 1, to - 1).replaceAll(quote + quote, quote);
}

/** The name that the current token is, without its quotes. */
export function nameText(lexer: Lexer): string {
  return nameBetween(lexer.bytes, lexer.from, lexer.to);
}

export function isPunctuation(lexer: Lexer, char: string): boolean {
  return lexer.kind === token.punctuation && lexer.char === char.charCodeAt(0);
}

/** The end of the statement: the end of the text, or a semicolon. */
export function atEnd(lexer: Lexer): boolean {
  return lexer.kind === token.end || (lexer.kind === token.punctuation && lexer.char === 59);
}

/**
 * Reads `name` or `schema.name` and goes behind it. Undefined, without moving, when there is no name here.
 */
export function readObjectName(lexer: Lexer): ObjectName | undefined {
  if (!isName(lexer)) return undefined;
  const first = nameText(lexer);
  lexer.next();
  if (!isPunctuation(lexer, '.')) return { schema: undefined, name: first };
  lexer.next();
  if (!isName(lexer)) return { schema: undefined, name: first };
  const name = nameText(lexer);
  lexer.next();
  return { schema: first, name };
}

/** Reads `@@[scope .] name` and goes behind it; the name in lower case, '' for a structured variable. */
export function readSystemVariable(lexer: Lexer): string {
  lexer.next();
  if (!isName(lexer)) return '';
  const first = nameText(lexer).toLowerCase();
  lexer.next();
  if (!isPunctuation(lexer, '.')) return first;
  lexer.next();
  if (!isName(lexer)) return '';
  const name = nameText(lexer).toLowerCase();
  lexer.next();
  return first === 'session' || first === 'local' ? name : '';
}

/** Goes on while the current word is one of these. */
export function skipWords(lexer: Lexer, ...words: readonly number[]): void {
  while (lexer.kind === token.word && lexer.word !== 0 && words.includes(lexer.word)) lexer.next();
}

/** Characters that mean the same in a quoted string in every SQL mode and character set. */
const harmless = /^[\w,:+./ =*%-]*$/;

/**
 * The literal that the current token is, as SQL text that means the same in every SQL mode and character set; undefined
 * for anything else. Doesn't move.
 */
export function literalText(lexer: Lexer): string | undefined {
  const raw = rawText(lexer);
  switch (lexer.kind) {
    case token.number:
      return raw;
    case token.word:
      return /^\w+$/.test(raw) ? raw : undefined;
    case token.string:
    case token.quotedName: {
      const inner = raw.slice(1, -1);
      return harmless.test(inner) ? `'${inner}'` : undefined;
    }
    default:
      return undefined;
  }
}

/** What a literal of `literalText` means: without quotes. */
export function literalValue(literal: string): string {
  return literal.startsWith("'") ? literal.slice(1, -1) : literal;
}
