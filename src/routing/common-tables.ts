/** Names of common table expressions in scope: these aren't tables. @see https://mariadb.com/kb/en/with/ */

interface CommonTable {
  readonly name: string;
  /** The depth of parentheses in which it was declared; outside of it, it is gone. */
  readonly depth: number;
  /** Its body has been read; before, its own name is a table of the catalogue, unless it is recursive. */
  known: boolean;
}

/** More at once aren't read: each name of a table is looked for among all of them. */
const most = 200;

export class CommonTables {
  readonly #tables: CommonTable[] = [];

  /** False when there are too many. */
  declare(name: string, depth: number, recursive: boolean): boolean {
    if (this.#tables.length >= most) return false;
    this.#tables.push({ name, depth, known: recursive });
    return true;
  }

  /** The body of the last one declared at this depth ends. */
  complete(depth: number): void {
    const table = this.#tables.findLast((candidate) => candidate.depth === depth);
    if (table !== undefined) table.known = true;
  }

  /** A parenthesis closes: what was declared deeper is out of scope. */
  leave(depth: number): void {
    while ((this.#tables.at(-1)?.depth ?? -1) > depth) this.#tables.pop();
  }

  /** Letter for letter: in another case it may be a table to the server, and so it is one here. */
  has(name: string): boolean {
    return this.#tables.some((table) => table.known && table.name === name);
  }
}
