/**
 * The beginning of the statement under way: the client's bytes are gone when its answer ends, and only then is it known
 * whether anybody wants to see the text. One buffer for each session, used again, so that keeping costs a short copy.
 */
const longest = 2_048;
const shortest = 128;

export class StatementText {
  #buffer = Buffer.alloc(0);
  #length = 0;
  /** There was more of it. */
  cut = false;

  keep(from: Buffer, start: number, end: number): void {
    const length = end - start > longest ? longest : end - start;
    if (length > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(shortest, 2 ** Math.ceil(Math.log2(length))));
    }
    from.copy(this.#buffer, 0, start, start + length);
    this.#length = length;
    this.cut = length < end - start;
  }

  /** Valid until the next `keep`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}
