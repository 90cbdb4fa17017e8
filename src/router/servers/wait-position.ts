/** Waiting on a replica until it shows what a session has written. */
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import type { ServerConnection } from './connection.ts';
import { rowsOf } from './rows.ts';

/**
 * Whether the replica has applied `position` within `waitMs`. MASTER_GTID_WAIT returns 0 when reached, -1 at the end of
 * its time; any error is a no. @see https://mariadb.com/kb/en/master_gtid_wait/
 */
export async function waitForPosition(
  connection: ServerConnection,
  position: string,
  waitMs: number,
): Promise<boolean> {
  if (!/^[\d,-]*$/.test(position)) return false;
  const sql = `SELECT MASTER_GTID_WAIT('${position}', ${waitMs / 1000})`;
  const packet = commandPacket(command.query, Buffer.from(sql));
  const answer = await connection.asked(packet, responseShape.result);
  return answer.error === undefined && connection.open && rowsOf(answer.bytes)[0]?.[0] === '0';
}
