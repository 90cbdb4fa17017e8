import { describe, expect, it } from 'vitest';
import { newDatabaseSql } from '#src/agent/database/accounts.ts';
import { firstToKeep, needsNothingBefore } from '#src/agent/database/binlogs-decide.ts';
import { parseBinlogInfo } from '#src/agent/database/clone.ts';
import { seriesOf } from '#src/agent/database/files.ts';

describe('binary logs', () => {
  const files = [1, 2, 3, 4].map((number) => ({
    name: `binlog.00000${number}`,
    sizeBytes: 100,
    modifiedMs: number * 1_000,
  }));

  it('go by age and by size, oldest first, never the current one', () => {
    expect(firstToKeep(files, { expireSeconds: 2, maxBytes: 1_000 }, 4_500)).toBe('binlog.000003');
    expect(firstToKeep(files, { expireSeconds: 600, maxBytes: 250 }, 4_500)).toBe('binlog.000003');
    expect(firstToKeep(files, { expireSeconds: 600, maxBytes: 1 }, 4_500)).toBe('binlog.000004');
    expect(firstToKeep(files, { expireSeconds: 600, maxBytes: 1_000 }, 4_500)).toBeUndefined();
  });

  it('stay when a member may need them', () => {
    expect(needsNothingBefore('0-1-10', '0-1-10')).toBe(true);
    expect(needsNothingBefore('0-1-10', '0-2-11,1-1-1')).toBe(true);
    expect(needsNothingBefore('0-1-10', '0-1-9')).toBe(false);
    expect(needsNothingBefore('0-1-10,1-1-5', '0-1-10')).toBe(false);
    expect(needsNothingBefore('', '0-1-1')).toBe(true);
    expect(needsNothingBefore('0-1-10', undefined)).toBe(false);
    expect(needsNothingBefore('0-1-10', '')).toBe(false);
  });
});

describe('parsing', () => {
  it('takes the position of a copy', () => {
    expect(parseBinlogInfo('binlog.000001\t3131\t0-1001-14\n')).toBe('0-1001-14');
    expect(() => parseBinlogInfo('binlog.000001\t3131\n')).toThrow();
    expect(() => parseBinlogInfo("binlog.000001\t3131\t0-1-1'; DROP")).toThrow();
  });

  it('takes a series from a version', () => {
    expect(seriesOf('10.11.19-MariaDB')).toBe('10.11');
    expect(seriesOf('mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian')).toBe('10.11');
    expect(seriesOf('')).toBeUndefined();
  });
});

describe('the SQL of a new database', () => {
  const sql = newDatabaseSql({
    stackId: 'abc',
    members: ['server-1', 'server-2'],
    epoch: 1,
    holder: 'server-1',
    schema: 'users',
    applicationAccount: 'users',
    passwords: { replication: "r'1", agent: 'a\\2', application: 'p3', accounts: {} },
    schemaSql: 'DELIMITER //\nCREATE TABLE t (id INT)//',
  });

  it('quotes what it is given', () => {
    expect(sql).toContain("IDENTIFIED BY 'r''1' REQUIRE SSL");
    expect(sql).toContain("IDENTIFIED BY 'a\\\\2';");
  });

  it("opens the door last, after the user's statements and with the delimiter put back", () => {
    const door = sql.indexOf("GRANT ALL PRIVILEGES ON `users`.* TO `users`@'%'");
    expect(door).toBeGreaterThan(sql.indexOf('CREATE TABLE t'));
    expect(sql.indexOf('DELIMITER ;')).toBeGreaterThan(sql.indexOf('DELIMITER //'));
    expect(sql).not.toMatch(/GRANT ALL[^;]*ON \*\.\*/);
  });
});
