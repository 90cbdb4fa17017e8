import { readdirSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { dynamicSettings, settingSql } from '#src/render/mariadb-settings.ts';
import { installDatabase, removeDirectories } from './data-directory.ts';
import { disposeServers, MariadbServer } from './server.ts';

afterEach(disposeServers);
afterAll(removeDirectories);

describe('a fresh member', () => {
  // A host's first start, and a re-clone's worst part, are a matter of seconds; a limit far above it is a hang.
  test('is installed and started within seconds', async () => {
    const server = await MariadbServer.createWithoutData('fresh', ['server-id=1']);
    const start = performance.now();
    installDatabase(server.dataDirectory);
    await server.start();
    expect(performance.now() - start).toBeLessThan(15_000);
    expect(await server.value('SELECT COUNT(*) FROM mysql.global_priv WHERE user = ""')).toBe('0');
  });

  // A setting that a running server refuses would stop a change half-way.
  test('takes every setting that is given to it without a restart', async () => {
    const server = await MariadbServer.create('settings');
    await server.start();
    const listed = await server.value(
      "SELECT GROUP_CONCAT(LOWER(variable_name)) FROM information_schema.system_variables WHERE variable_scope = 'GLOBAL' AND read_only = 'NO'",
    );
    const known = new Set(listed.split(','));
    expect([...dynamicSettings].filter((name) => !known.has(name))).toEqual([]);
    await server.run(
      `SET GLOBAL innodb_io_capacity = ${settingSql('2k')}, GLOBAL general_log_file = ${settingSql("a 'b'.log")}, GLOBAL userstat = ${settingSql(true)}`,
    );
    expect(
      await server.value('SELECT CONCAT_WS("|", @@innodb_io_capacity, @@general_log_file, @@userstat)'),
    ).toBe("2048|a 'b'.log|ON");
  });

  // Without a temporary directory of its own it would, and the other one could crash of that.
  test('leaves the temporary tables of another server on the machine alone', async () => {
    const [first, second] = await Promise.all([
      MariadbServer.create('first'),
      MariadbServer.create('second'),
    ]);
    await first.start();
    await first.run('CREATE TEMPORARY TABLE test.t (i INT) ENGINE=Aria');
    const files = () => readdirSync(first.directory).filter((name) => name.startsWith('#sql'));
    expect(files()).toHaveLength(2);
    await second.start();
    expect(files()).toHaveLength(2);
  });

  // What has to stand in the file, as the server's own defaults would lose what it has acknowledged.
  test.each([
    ['sync_binlog', '0'],
    ['gtid_strict_mode', '0'],
    ['log_slave_updates', '0'],
    ['binlog_format', 'MIXED'],
    ['rpl_semi_sync_master_timeout', '10000'],
    ['rpl_semi_sync_master_wait_point', 'AFTER_COMMIT'],
    ['read_only', '0'],
    ['sync_relay_log', '10000'],
  ])('has the default %s=%s, which Tandem sets otherwise', async (name, value) => {
    expect((await defaults())[name]).toBe(value);
  });

  // And what may be left to the server.
  test.each([
    ['innodb_flush_log_at_trx_commit', '1'],
    ['innodb_doublewrite', 'ON'],
    ['rpl_semi_sync_master_wait_no_slave', 'ON'],
  ])('has the default %s=%s, as it should be', async (name, value) => {
    expect((await defaults())[name]).toBe(value);
  });
});

let known: Record<string, string> | undefined;

/** The compiled-in defaults, by name. */
async function defaults(): Promise<Record<string, string>> {
  if (known === undefined) {
    const server = await MariadbServer.create('defaults', ['server-id=1']);
    await server.start();
    const rows = await server.rows(
      'SELECT LOWER(variable_name) AS name, default_value AS value FROM information_schema.system_variables',
    );
    known = Object.fromEntries(rows.map((row) => [String(row.name), onOff(String(row.value))]));
  }
  return known;
}

/** Booleans appear as 0 or OFF, depending on the variable. */
function onOff(value: string): string {
  return value === 'OFF' ? '0' : value;
}
