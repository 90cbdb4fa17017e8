/** Waiting on a replica until it shows what a session has written. */
import { ByteReader } from '#src/mysql-wire/bytes.ts';
import { command, responseShape } from '#src/mysql-wire/commands.ts';
import { commandPacket, headerBytes, payloadLengthAt } from '#src/mysql-wire/framing.ts';
import type { ServerConnection } from './server-connection.ts';

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
  const answer = await connection.asked(commandPacket(command.query, Buffer.from(sql)), responseShape.result);
  return answer.error === undefined && connection.open && firstValue(answer.bytes) === '0';
}

/** First column of the first row of a text result set with one column; undefined without rows, or for NULL. */
export function firstValue(answer: Buffer): string | undefined {
  let at = 0;
  // The number of columns, the column, and an EOF where that isn't deprecated.
  for (let packet = 0; at + headerBytes <= answer.length; packet++) {
    const length = payloadLengthAt(answer, at);
    const first = answer[at + headerBytes];
    const isEnd = first === 0xfe && packet >= 2;
    if (packet >= 2 && !isEnd) {
      if (first === 0xfb || first === 0xff) return undefined;
      return new ByteReader(answer, at + headerBytes).lengthEncodedBytes('a value').toString();
    }
    if (isEnd && packet > 2) return undefined;
    at += headerBytes + length;
  }
  return undefined;
}
