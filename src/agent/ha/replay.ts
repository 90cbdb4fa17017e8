/** Applies what lies in the relay log of a server with both replication threads stopped, from the first unapplied event. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MariadbConnection } from '#src/adapters/mariadb/connection.ts';
import { mariadbDialect as dialect, quote } from '#src/adapters/mariadb/dialect.ts';
import { contains, parsePosition } from '#src/gtid/position.ts';
import type { DatabaseMember } from '../database/member.ts';
import { positionAfter, RelayLog } from './relay-log.ts';

const statementMs = 4_000;
const pollMs = 20;

/**
 * In GTID mode a start would delete the files, so the thread is started at a file and an offset. The offset is found
 * by GTID: the one that the server remembers may lie before what a crash let it apply. Ends in GTID mode, stopped.
 */
export async function replayRelayLog(member: DatabaseMember, connection: MariadbConnection): Promise<void> {
  const applied = parsePosition(await appliedPosition(connection));
  if (applied === undefined) throw new Error('the applied position can not be read');
  const transactions = await new RelayLog(member.config.dataDirectory).unapplied(applied);
  const [first] = transactions;
  if (first !== undefined) {
    const goal = positionAfter(applied, transactions);
    const start = `RELAY_LOG_FILE=${quote(first.file)}, RELAY_LOG_POS=${first.offset}`;
    await connection.rows(`CHANGE MASTER TO MASTER_USE_GTID=no, ${start}`, [], statementMs);
    await connection.rows('START SLAVE SQL_THREAD', [], statementMs);
    await untilApplied(connection, goal);
    await connection.rows('STOP SLAVE', [], statementMs);
  }
  await connection.rows('CHANGE MASTER TO MASTER_USE_GTID=slave_pos', [], statementMs);
}

async function untilApplied(
  connection: MariadbConnection,
  goal: NonNullable<ReturnType<typeof parsePosition>>,
): Promise<void> {
  for (;;) {
    const now = parsePosition(await appliedPosition(connection));
    if (now !== undefined && contains(now, goal)) return;
    const row = await connection.row('SHOW REPLICA STATUS', [], statementMs);
    const error = String(row?.['Last_SQL_Error'] ?? '');
    if (error !== '' || row?.['Slave_SQL_Running'] === 'No') throw new Error(`the replay stopped: ${error}`);
    await sleep(pollMs);
  }
}

async function appliedPosition(connection: MariadbConnection): Promise<string> {
  const row = await connection.row(`SELECT @@global.${dialect.gtid.binlog} AS position`, [], statementMs);
  return String(row?.['position'] ?? '');
}
