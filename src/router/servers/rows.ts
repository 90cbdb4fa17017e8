/** Rows of a small text result set, for what the router asks itself. */
import { ByteReader } from '#src/mysql-wire/bytes.ts';
import { headerBytes, payloadLengthAt } from '#src/mysql-wire/framing.ts';

/** Values as the server wrote them; null for NULL. `answer` holds all packets of one result set. */
export function rowsOf(answer: Buffer): (string | null)[][] {
  const rows: (string | null)[][] = [];
  const columns = new ByteReader(answer, headerBytes).lengthEncoded('the number of columns');
  let at = 0;
  // Behind the number of columns and their definitions; an EOF there (or none) begins with 0xFE as the last one does.
  for (let packet = 0; at + headerBytes < answer.length; packet++) {
    const from = at + headerBytes;
    const end = from + payloadLengthAt(answer, at);
    at = end;
    if (packet <= columns || answer[from] === 0xfe || answer[from] === 0xff) continue;
    const reader = new ByteReader(answer, from, end);
    const row: (string | null)[] = [];
    for (let column = 0; column < columns; column++) {
      if (answer[reader.offset] === 0xfb) {
        reader.offset++;
        row.push(null);
      } else row.push(reader.lengthEncodedBytes('a value').toString());
    }
    rows.push(row);
  }
  return rows;
}
