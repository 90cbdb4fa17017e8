/**
 * The relay log's files of a server whose replication threads are both stopped: after a restart they alone know what
 * was received, and they may hold the only copy of acknowledged transactions. Read with mariadb-binlog; what it can't
 * read is unknown, never nothing.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { forEachLine } from '#src/adapters/process/lines.ts';
import { type Gtid, type Position, parseGtid, sequenceIn } from '#src/gtid/position.ts';

/** Reading stops being worth it beyond this. */
const readTimeoutMs = 10 * 60_000;

export interface RelayTransaction {
  readonly gtid: Gtid;
  readonly file: string;
  /** Offset of its first event in the file. */
  readonly offset: number;
  readonly complete: boolean;
}

export class RelayLog {
  readonly #directory: string;
  #known: { readonly key: string; readonly received: Position | null } | undefined;
  #reading: string | undefined;

  constructor(dataDirectory: string) {
    this.#directory = dataDirectory;
  }

  /**
   * The position that `applied` and the complete transactions of the files make together. Null while that is being
   * found out, and when the files can't be read.
   */
  async received(applied: Position): Promise<Position | null> {
    const key = `${JSON.stringify(applied)} ${await this.#fingerprint()}`;
    if (this.#known?.key === key) return this.#known.received;
    if (this.#reading !== key) {
      this.#reading = key;
      void this.unapplied(applied)
        .then(
          (transactions) => positionAfter(applied, transactions),
          () => null,
        )
        .then((received) => {
          this.#known = { key, received };
          this.#reading = undefined;
        });
    }
    return null;
  }

  /** Transactions beyond `applied`, in order. Rejects when a file can't be read to its end. */
  async unapplied(applied: Position): Promise<readonly RelayTransaction[]> {
    const found: RelayTransaction[] = [];
    for (const file of await relayFiles(this.#directory)) {
      for (const transaction of await transactionsOf(join(this.#directory, file), file)) {
        const { domain, sequence } = transaction.gtid;
        if (sequence > sequenceIn(applied, domain)) found.push(transaction);
      }
    }
    return found;
  }

  async #fingerprint(): Promise<string> {
    const files = await relayFiles(this.#directory);
    const sizes = await Promise.all(
      files.map(async (name) => (await stat(join(this.#directory, name))).size),
    );
    return files.map((name, index) => `${name}:${sizes[index]}`).join(' ');
  }
}

/** Names of the relay log's files, oldest first. */
export async function relayFiles(directory: string): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => /^relay\.\d+$/.test(name)).sort();
}

async function transactionsOf(path: string, file: string): Promise<readonly RelayTransaction[]> {
  const parser = new TransactionParser(file);
  await forEachLine(['mariadb-binlog', '--no-defaults', '--base64-output=never', '--force-if-open', path], {
    timeoutMs: readTimeoutMs,
    onLine: (line) => parser.line(line),
  });
  return parser.end();
}

/** Reads what mariadb-binlog prints: `# at OFFSET`, `#DATE … GTID d-s-n [ddl|trans]`, `START TRANSACTION`, `COMMIT`. */
export class TransactionParser {
  readonly #file: string;
  readonly #transactions: RelayTransaction[] = [];
  #offset = 0;
  #open: { gtid: Gtid; offset: number; begun: boolean; ended: boolean; events: number } | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  line(line: string): void {
    const at = /^# at (\d+)$/.exec(line);
    if (at !== null) {
      this.#offset = Number(at[1]);
      return;
    }
    const gtid = /^#\d.*\bGTID (\d+-\d+-\d+)/.exec(line);
    if (gtid !== null) {
      this.#close();
      const parsed = parseGtid(gtid[1] ?? '');
      if (parsed === undefined)
        throw new Error(`${this.#file}: a transaction's identity can't be read: ${line}`);
      this.#open = { gtid: parsed, offset: this.#offset, begun: false, ended: false, events: 0 };
      return;
    }
    const open = this.#open;
    if (open === undefined) return;
    if (/^#\d.*\bend_log_pos \d+/.test(line)) open.events += 1;
    if (line.startsWith('START TRANSACTION')) open.begun = true;
    // At the end of a file mariadb-binlog adds a ROLLBACK of its own: a transaction that is cut off there has not ended.
    if (/^(COMMIT|ROLLBACK)(?! \/\* added by)/.test(line)) open.ended = true;
  }

  end(): readonly RelayTransaction[] {
    this.#close();
    return this.#transactions;
  }

  #close(): void {
    const open = this.#open;
    if (open === undefined) return;
    const complete = open.begun ? open.ended : open.events > 0;
    this.#transactions.push({ gtid: open.gtid, file: this.#file, offset: open.offset, complete });
    this.#open = undefined;
  }
}

/** Where complete transactions lead from `applied`. */
export function positionAfter(applied: Position, transactions: readonly RelayTransaction[]): Position {
  const last = new Map(applied.map((gtid) => [gtid.domain, gtid]));
  for (const { gtid, complete } of transactions) if (complete) last.set(gtid.domain, gtid);
  return [...last.values()].sort((a, b) => a.domain - b.domain);
}
