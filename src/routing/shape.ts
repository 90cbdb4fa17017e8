/** The text of a fingerprint while it grows. */
import type { Lexer } from './lexer.ts';
import { rawText } from './names.ts';
import { token } from './token.ts';

const introducer = /^(_[a-z0-9]+|[xbn])$/;

export class Shape {
  readonly #longest: number;
  readonly #pieces: string[] = [];
  /** Whether the piece follows the one before without white space. */
  readonly #close: boolean[] = [];
  /** Whether a sign after the piece is an operator: it ends an operand. */
  readonly #operand: boolean[] = [];
  /** The pieces that opened a parenthesis which isn't closed yet. */
  readonly #open: number[] = [];
  /** The list in parentheses that ended last: its first piece and the one behind its end. */
  #list: readonly [number, number] = [-1, -1];
  #length = 0;
  #to = -1;

  constructor(longest: number) {
    this.#longest = longest;
  }

  /** Nothing that is added now would be seen. */
  get full(): boolean {
    return this.#length > this.#longest;
  }

  add(lexer: Lexer): void {
    const adjacent = lexer.from === this.#to;
    this.#to = lexer.to;
    switch (lexer.kind) {
      case token.string:
      case token.number:
      case token.parameter:
        this.#literal(lexer.kind === token.string);
        return;
      case token.word:
        this.#push(
          rawText(lexer).toLowerCase(),
          this.#last() === '.' || this.#last() === '@@',
          lexer.word === 0,
        );
        return;
      case token.punctuation:
        this.#punctuation(String.fromCharCode(lexer.char), adjacent);
        return;
      default:
        this.#push(lexer.kind === token.systemVariable ? '@@' : rawText(lexer), this.#last() === '.', true);
    }
  }

  finish(cut: boolean): string {
    while (this.#last() === ';') this.#pop();
    let text = '';
    this.#pieces.forEach((piece, index) => {
      const before = this.#pieces[index - 1];
      const joined = index === 0 || this.#close[index] === true || before === '(' || before === '@@';
      text += joined ? piece : ` ${piece}`;
    });
    return text.length > this.#longest || cut ? `${text.slice(0, this.#longest - 1)}…` : text;
  }

  #last(back = 1): string {
    return this.#pieces[this.#pieces.length - back] ?? '';
  }

  #push(piece: string, close: boolean, operand = false): void {
    this.#pieces.push(piece);
    this.#operand.push(operand);
    this.#close.push(close);
    this.#length += piece.length + 1;
  }

  #pop(): void {
    this.#length -= (this.#pieces.pop()?.length ?? 0) + 1;
    this.#close.pop();
    this.#operand.pop();
  }

  /** A value; a list of values is one. */
  #literal(string: boolean): void {
    if (string && introducer.test(this.#last())) this.#pop();
    const sign = this.#last();
    if ((sign === '-' || sign === '+') && this.#operand.at(-2) !== true) this.#pop();
    const before = this.#last(2);
    if (this.#last() === ',' && (before === '?' || before === '?+')) {
      this.#pop();
      if (before === '?') {
        this.#pop();
        this.#push('?+', false, true);
      }
      return;
    }
    if (string && this.#last() === '?') return; // 'a' 'b' is one string.
    this.#push('?', false, true);
  }

  #punctuation(char: string, adjacent: boolean): void {
    if (char === '(') {
      this.#open.push(this.#pieces.length);
      this.#push(char, /^[\w$`]/.test(this.#last()));
      return;
    }
    const previous = this.#last();
    const operator = adjacent && !/[\w$`"(),?@.]/.test(previous) && !/[(),.]/.test(char);
    const close = char === ',' || char === ')' || char === '.' || char === ';' || operator;
    this.#push(char, close, char === ')');
    if (char === ')') this.#closeList();
  }

  /** A list that repeats the one before it goes: VALUES (…), (…). */
  #closeList(): void {
    const from = this.#open.pop();
    if (from === undefined) return;
    const to = this.#pieces.length;
    const [before, end] = this.#list;
    const repeats =
      before >= 0 && end === from - 1 && this.#pieces[end] === ',' && to - from === end - before;
    if (repeats && this.#same(before, from, to - from)) while (this.#pieces.length > end) this.#pop();
    else this.#list = [from, to];
  }

  #same(a: number, b: number, count: number): boolean {
    for (let index = 0; index < count; index++) {
      if (this.#pieces[a + index] !== this.#pieces[b + index]) return false;
    }
    return true;
  }
}
