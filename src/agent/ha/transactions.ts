/** Transactions that have written and are still open: waited for before a switchover, ended before a replica follows. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MariadbConnection } from '#src/adapters/mariadb/connection.ts';
import type { DatabaseMember } from '../database/member.ts';
import { Refused } from './outcome.ts';

const quickMs = 1_500;
/** INNODB_TRX shows its last answer again to whoever asks within 100 ms of it. */
const transactionsPollMs = 150;

/** Tells people what a long effect waits for; undefined when it doesn't any more. */
export type Say = (sentence: string | undefined) => void;

/** What is still open can't be committed here any more, and its locks would stop the applier. */
export async function endWritingTransactions(connection: MariadbConnection): Promise<void> {
  await sleep(transactionsPollMs);
  for (const { thread } of await writingTransactions(connection)) {
    await connection.rows(`KILL ${thread}`, [], quickMs).catch(() => undefined);
  }
}

/**
 * Waits for the transactions that are open now; what begins meanwhile is not waited for, or a busy primary would never
 * be drained.
 */
export async function drain(member: DatabaseMember, connection: MariadbConnection, say: Say): Promise<void> {
  const { waitMs, atTimeout } = member.config.switchover;
  const deadline = performance.now() + waitMs;
  const open = new Set((await writingTransactions(connection)).map(({ id }) => id));
  try {
    for (;;) {
      const left = (await writingTransactions(connection)).filter(({ id }) => open.has(id));
      if (left.length === 0) return;
      const leftMs = deadline - performance.now();
      const oldest = Math.max(...left.map(({ seconds }) => seconds));
      const what = `${left.length} open ${left.length === 1 ? 'transaction that has' : 'transactions that have'} written, the oldest for ${oldest} s`;
      if (leftMs <= 0 && atTimeout === 'end-transactions') return;
      if (leftMs <= 0) throw new Refused(`gives the switchover up: ${what}, after ${waitMs} ms of waiting`);
      const end = atTimeout === 'give-up' ? 'it is given up' : 'they are rolled back';
      say(`waits for ${what}; in ${Math.ceil(leftMs / 1_000)} s ${end}`);
      await sleep(transactionsPollMs);
    }
  } finally {
    say(undefined);
  }
}

interface WritingTransaction {
  readonly id: string;
  /** Its connection. */
  readonly thread: number;
  readonly seconds: number;
}

async function writingTransactions(connection: MariadbConnection): Promise<readonly WritingTransaction[]> {
  const rows = await connection.rows(
    `SELECT trx.trx_id AS id, trx.trx_mysql_thread_id AS thread,
        TIMESTAMPDIFF(SECOND, trx.trx_started, NOW()) AS seconds
      FROM information_schema.INNODB_TRX trx
      JOIN information_schema.PROCESSLIST list ON list.ID = trx.trx_mysql_thread_id
      WHERE trx.trx_rows_modified > 0 AND list.User <> 'system user'`,
    [],
    quickMs,
  );
  return rows.map((row) => ({
    id: String(row['id']),
    thread: Number(row['thread']),
    seconds: Number(row['seconds']),
  }));
}
