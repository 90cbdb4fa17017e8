/**
 * `record.ts`: lets real clients talk to a real MariaDB server through a relay that writes down what passes, and keeps
 * it in recorded.json. The fuzzer and the tests of split packets start from it. To be run again when a client or the
 * server changes.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';
import { capability } from '#src/mysql-wire/capabilities.ts';
import { command } from '#src/mysql-wire/commands.ts';
import { commandPacket, packetOf } from '#src/mysql-wire/framing.ts';
import { disposeServers, removeDirectories, temporaryDirectory } from '#test/real/mariadb/server.ts';
import { account, startServers } from '#test/real/router/stack.ts';
import { RawClient } from '../raw-client.ts';
import type { Recorded, RecordedSession, Step } from './recorded.ts';

const run = promisify(execFile);
const sessions: RecordedSession[] = [];
let client = '';

async function relayTo(port: number): Promise<{ port: number; close: () => void }> {
  const server = createServer((near) => {
    const steps: Step[] = [];
    sessions.push({ client, steps });
    const far = connect(port, '127.0.0.1');
    const pass = (from: Step['from'], chunk: Buffer): void => {
      const last = steps.at(-1);
      if (last?.from === from)
        last.bytes = Buffer.concat([Buffer.from(last.bytes, 'base64'), chunk]).toString('base64');
      else steps.push({ from, bytes: chunk.toString('base64') });
      (from === 'client' ? far : near).write(chunk);
    };
    near.on('data', (chunk) => pass('client', chunk));
    far.on('data', (chunk) => pass('server', chunk));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => other.end());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

async function throughMysql2(port: number, file: string): Promise<void> {
  client = 'mysql2';
  const connection = await mysql.createConnection({
    ...account,
    host: '127.0.0.1',
    port,
    database: 'test',
    multipleStatements: true,
    infileStreamFactory: () => createReadStream(file),
  });
  await connection.query(
    'CREATE TABLE m (id INT PRIMARY KEY AUTO_INCREMENT, s VARCHAR(40), d DATETIME, f DOUBLE)',
  );
  await connection.query(
    "INSERT INTO m (s, d, f) VALUES ('one', '2026-01-02 03:04:05', 1.5), (NULL, NULL, NULL)",
  );
  await connection.query('SELECT * FROM m');
  await connection.query('SELECT 1 AS a; SELECT 2 AS b; UPDATE m SET f = 2');
  await connection.execute('SELECT s, d, f FROM m WHERE id = ?', [1]);
  await connection.execute('INSERT INTO m (s, d, f) VALUES (?, ?, ?)', ['two', new Date(0), 0.25]);
  await connection.query('SELECT nonsense FROM nowhere').catch(() => undefined);
  await connection.beginTransaction();
  await connection.query('UPDATE m SET s = UPPER(s)');
  await connection.commit();
  await connection.query('SET time_zone = "+01:00", @x = 3');
  await connection.query('USE other');
  await connection.ping();
  await connection.changeUser({ ...account, database: 'test' });
  await connection.query('SELECT DATABASE(), CONNECTION_ID() > 0');
  await connection.end();
}

async function throughCli(port: number, file: string): Promise<void> {
  client = 'mariadb';
  const sql = [
    'SELECT id, s FROM m',
    `LOAD DATA LOCAL INFILE '${file}' INTO TABLE m FIELDS TERMINATED BY ',' (id, s)`,
    'SHOW WARNINGS',
    'SELECT COUNT(*) FROM m',
    'ALTER TABLE m ADD COLUMN g INT',
    'SHOW TABLES',
    'SELECT 1/0',
    'SELECT SLEEP(0)',
  ].join(';');
  const words = ['--no-defaults', '-h127.0.0.1', `-P${port}`, `-u${account.user}`, `-p${account.password}`];
  await run('mariadb', [...words, '--skip-ssl', '--local-infile=1', 'test', '-e', sql], { timeout: 10_000 });
}

async function throughPhp(port: number): Promise<void> {
  client = 'mysqlnd';
  const code = `
    mysqli_report(MYSQLI_REPORT_OFF);
    $c = new mysqli('127.0.0.1', '${account.user}', '${account.password}', 'test', ${port});
    $c->query('SELECT id, s, f FROM m');
    $p = $c->prepare('SELECT s FROM m WHERE id > ? AND s <> ?'); $i = 0; $s = 'x';
    $p->bind_param('is', $i, $s); $p->execute(); $p->get_result(); $p->execute(); $p->get_result(); $p->close();
    $p = $c->prepare('INSERT INTO m (s) VALUES (?)'); $n = null; $p->bind_param('b', $n);
    $p->send_long_data(0, 'long '); $p->send_long_data(0, 'data'); $p->execute(); $p->reset(); $p->close();
    $c->multi_query('SELECT 1; SELECT 2'); do { $r = $c->store_result(); } while ($c->next_result());
    $c->select_db('other'); $c->ping(); $c->change_user('${account.user}', '${account.password}', 'test');
    $c->query('SELECT broken'); $c->close();`;
  await run('php', ['-r', code], { timeout: 10_000 });
}

/** What drivers seldom send. */
async function throughRaw(port: number, name: string, without: number): Promise<void> {
  client = name;
  const raw = await RawClient.loggedIn({ host: '127.0.0.1', port }, without);
  let id = Buffer.alloc(4);
  const send = async (...packets: Buffer[]): Promise<void> => {
    raw.received = Buffer.alloc(0);
    raw.socket.write(Buffer.concat(packets));
    await new Promise((resolve) => setTimeout(resolve, 40));
    if (packets.at(-1)?.[4] === command.stmtPrepare) id = raw.received.subarray(5, 9);
  };
  const statement = (code: number, ...rest: number[]) => commandPacket(code, id, Buffer.from(rest));
  await send(commandPacket(command.initDb, Buffer.from('test')));
  await send(commandPacket(command.query, Buffer.from('SELECT id, s FROM m')));
  await send(commandPacket(command.query, Buffer.from("INSERT INTO m (s) VALUES ('raw')")));
  await send(commandPacket(command.query, Buffer.from("INSERT INTO m (s) VALUES ('r') RETURNING id")));
  await send(commandPacket(command.query, Buffer.from('SELECT 1 WHERE 0')));
  await send(commandPacket(command.query, Buffer.from('BEGIN; SELECT 1; DO 2; COMMIT')));
  await send(
    commandPacket(
      command.query,
      Buffer.from('CREATE OR REPLACE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END'),
    ),
  );
  await send(commandPacket(command.query, Buffer.from('CALL p()')));
  await send(
    commandPacket(command.query, Buffer.from('SELECT REPEAT("x", 300), NULL, "", REPEAT("y", 700)')),
  );
  await send(commandPacket(command.query, Buffer.from("LOAD DATA LOCAL INFILE 'f' INTO TABLE m (id)")));
  await send(packetOf(Buffer.from('91\n92\n'), 2), packetOf(Buffer.alloc(0), 3));
  await send(commandPacket(command.stmtPrepare, Buffer.from('SELECT id, s FROM m WHERE id > ?')));
  await send(statement(command.stmtExecute, 0, 1, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0));
  await send(statement(command.stmtExecute, 1, 1, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0));
  await send(statement(command.stmtFetch, 2, 0, 0, 0));
  await send(statement(command.stmtFetch, 100, 0, 0, 0));
  await send(statement(command.stmtSendLongData, 0, 0, 0x34), statement(command.stmtReset));
  await send(statement(command.stmtExecute, 0, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0));
  await send(statement(command.stmtClose), commandPacket(command.stmtPrepare, Buffer.from('DO 1')));
  await send(commandPacket(command.fieldList, Buffer.from('m\0%')));
  await send(commandPacket(command.statistics));
  await send(commandPacket(command.processInfo));
  await send(commandPacket(command.setOption, Buffer.from([1, 0])));
  await send(commandPacket(command.processKill, Buffer.from([1, 2, 3, 4])));
  await send(commandPacket(command.ping), commandPacket(command.ping));
  await send(commandPacket(command.resetConnection));
  await send(commandPacket(0x42));
  await send(commandPacket(command.quit));
}

try {
  const { primary } = await startServers({ replicas: 0 });
  const relay = await relayTo(primary.port);
  const file = join(temporaryDirectory('record'), 'rows.csv');
  writeFileSync(file, '11,eleven\n12,twelve\n');
  await throughMysql2(relay.port, file);
  await throughCli(relay.port, file);
  await throughPhp(relay.port);
  await throughRaw(relay.port, 'raw', 0);
  await throughRaw(relay.port, 'raw, as of old', capability.deprecateEof | capability.sessionTrack);
  relay.close();
  const version = await primary.value('SELECT VERSION()');
  const recorded: Recorded = { server: version, account, sessions };
  writeFileSync(join(import.meta.dirname, 'recorded.json'), `${JSON.stringify(recorded, null, 2)}\n`);
  const steps = sessions.reduce((sum, session) => sum + session.steps.length, 0);
  console.log(`${sessions.length} sessions, ${steps} steps, MariaDB ${version}`);
} finally {
  await disposeServers();
  removeDirectories();
}
