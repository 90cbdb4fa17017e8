import { expect, it } from 'vitest';
import { positionAfter, TransactionParser } from '#src/agent/ha/relay-log.ts';

/** What mariadb-binlog prints of a file with these transactions. */
function printed(transactions: readonly { gtid: string; end: boolean }[]): string[] {
  const body = transactions.flatMap(({ gtid, end }, index) => [
    `# at ${256 + 200 * index}`,
    `#261123  8:34:42 server id 65537  end_log_pos ${298 + 200 * index} CRC32 0x0 \tGTID ${gtid} trans`,
    'START TRANSACTION',
    '/*!*/;',
    `# at ${298 + 200 * index}`,
    `#261123  8:34:42 server id 65537  end_log_pos ${400 + 200 * index} CRC32 0x0 \tTable_map: \`users\`.\`t\` mapped to number 32`,
    ...(end ? ['COMMIT/*!*/;'] : []),
  ]);
  return [...body, 'DELIMITER ;', '# End of log file', 'ROLLBACK /* added by mysqlbinlog */;'];
}

function parse(transactions: Parameters<typeof printed>[0]) {
  const parser = new TransactionParser('relay.000003');
  for (const line of printed(transactions)) parser.line(line);
  return parser.end();
}

it('counts a transaction that the end of the file cuts off as not received', () => {
  const found = parse([
    { gtid: '0-65537-8', end: true },
    { gtid: '0-65537-9', end: false },
  ]);
  expect(found.map(({ complete }) => complete)).toEqual([true, false]);
  expect(found[1]?.offset).toBe(456);
  const before = [{ domain: 0, server: 65_537, sequence: 7 }];
  expect(positionAfter(before, found)).toEqual([{ domain: 0, server: 65_537, sequence: 8 }]);
});
