/** Operators and tokens, from the file that `up` and `tandem dashboard` write; read again when it changes. */
import { readFileSync, statSync } from 'node:fs';
import { sha256 } from '#src/adapters/sha256.ts';
import type { DashboardAccounts } from '#src/topology/dashboard-config.ts';
import { same } from './sessions.ts';

const checkMs = 200;

export class Accounts {
  readonly #file: string;
  #known: DashboardAccounts;
  #seen = '';
  #checkedMs = Number.NEGATIVE_INFINITY;

  /** Throws when the file can't be read. */
  constructor(file: string) {
    this.#file = file;
    this.#known = this.#read();
  }

  get current(): DashboardAccounts {
    const nowMs = performance.now();
    if (nowMs - this.#checkedMs > checkMs) {
      this.#checkedMs = nowMs;
      try {
        const { mtimeMs, ino, size } = statSync(this.#file);
        const mark = `${ino} ${mtimeMs} ${size}`;
        if (mark !== this.#seen) this.#known = this.#read();
        this.#seen = mark;
      } catch {
        // Being replaced, or damaged: what was known holds until it can be read.
      }
    }
    return this.#known;
  }

  operator(name: string): DashboardAccounts['operators'][number] | undefined {
    return this.current.operators.find((one) => one.name === name);
  }

  /** The token that this text is; undefined when there is none, or it has expired. */
  token(text: string, nowMs: number): DashboardAccounts['tokens'][number] | undefined {
    const hash = sha256(text);
    return this.current.tokens.find((one) => same(one.hash, hash) && one.untilMs > nowMs);
  }

  #read(): DashboardAccounts {
    return JSON.parse(readFileSync(this.#file, 'utf8')) as DashboardAccounts;
  }
}
