/** The server's binary logs, as files. SHOW BINARY LOGS hangs behind waiting commits, so the index is read instead. */
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { MariadbConnection } from './connection.ts';
import { quote } from './dialect.ts';

export interface BinlogFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** Last change: when its last event was written. */
  readonly modifiedMs: number;
}

/** Oldest first; the last one is being written. `indexPath` is the server's `log_bin_index`. */
export async function listBinlogs(indexPath: string, dataDirectory: string): Promise<readonly BinlogFile[]> {
  const names = (await readFile(indexPath, 'utf8')).split('\n').filter((line) => line !== '');
  const found = await Promise.all(
    names.map(async (line) => {
      const path = line.startsWith('/') ? line : join(dataDirectory, line);
      const facts = await stat(path).catch(() => undefined);
      return facts === undefined
        ? undefined
        : { name: basename(path), sizeBytes: facts.size, modifiedMs: facts.mtimeMs };
    }),
  );
  return found.filter((file) => file !== undefined);
}

/** Removes all logs before `name`. The server keeps what a connected replica still reads. */
export async function purgeBinlogsTo(connection: MariadbConnection, name: string): Promise<void> {
  await connection.rows(`PURGE BINARY LOGS TO ${quote(name)}`, [], 10_000);
}

/** GTID position at which the log file begins, as the server computes it from the file. */
export async function positionAtStartOf(connection: MariadbConnection, name: string): Promise<string> {
  const row = await connection.row('SELECT BINLOG_GTID_POS(?, 4) AS position', [name], 10_000);
  return String(row?.['position'] ?? '');
}
