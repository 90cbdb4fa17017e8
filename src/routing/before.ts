/** What was read before the current token, as far as it decides what a parenthesis or a keyword means. */
import type { Lexer } from './lexer.ts';
import { isName, isPunctuation, nameBetween } from './names.ts';
import type { ObjectName } from './statement.ts';
import { token } from './token.ts';

export class Before {
  /** The token before: its kind and its word. */
  kind: number = token.end;
  word = 0;
  /** The word before that. */
  wordBefore = 0;
  /** A parenthesis now makes the name before a call. */
  callable = false;
  /** Where the name stands, and the schema in front of it; no text is made of them unless it is a routine. */
  #nameFrom = 0;
  #nameTo = 0;
  #schemaFrom = 0;
  #schemaTo = 0;

  set(kind: number, word: number): void {
    this.kind = kind;
    this.wordBefore = this.word;
    this.word = word;
    this.callable = false;
  }

  /** The current token is a name, or a word that can be one: goes behind it, and behind all of `a.b.c`. */
  readName(lexer: Lexer): void {
    this.set(lexer.kind, lexer.word);
    this.#nameFrom = lexer.from;
    this.#nameTo = lexer.to;
    this.#schemaTo = 0;
    lexer.next();
    if (isPunctuation(lexer, '.')) this.#readQualified(lexer);
    this.callable = true;
  }

  #readQualified(lexer: Lexer): void {
    while (isPunctuation(lexer, '.')) {
      lexer.next();
      if (!isName(lexer)) break;
      this.#schemaFrom = this.#nameFrom;
      this.#schemaTo = this.#nameTo;
      this.#nameFrom = lexer.from;
      this.#nameTo = lexer.to;
      lexer.next();
    }
    this.set(token.quotedName, 0);
  }

  /** The name that was read last. */
  name(bytes: Uint8Array): ObjectName {
    const name = nameBetween(bytes, this.#nameFrom, this.#nameTo);
    const schema = this.#schemaTo === 0 ? undefined : nameBetween(bytes, this.#schemaFrom, this.#schemaTo);
    return { schema, name };
  }
}
