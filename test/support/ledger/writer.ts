/**
 * A program: writes to a database for as long as its standard input is open, and tells on standard output what became of
 * each write. Started inside a host's network (`ip netns exec`), because only hosts with a part in the site may reach
 * the database. Argument: a `WriterConfig` as JSON. It follows the primary as a careful client does without a router:
 * a member that refuses is left, a write whose answer did not come is never repeated. With a router it has one address.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';
import type { WriteRecord, WriterConfig } from './records.ts';

const config = JSON.parse(process.argv[2] ?? '') as WriterConfig;
const ca = readFileSync(config.caFile, 'utf8');
const connectMs = config.socketPath === undefined ? 300 : 5_000;
/** A router holds what it can't send, for longer than any failover takes. */
const statementMs = config.socketPath === undefined ? 1_500 : 15_000;
const retryMs = 20;
/** Every so many writes a transfer between two accounts instead of a single insert. */
const transferEvery = 10;

let stopping = false;
process.stdin.on('end', () => {
  stopping = true;
});
process.stdin.resume();

/** All processes of a machine share this clock. */
const now = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

function say(record: WriteRecord): void {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

class Late extends Error {}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Late('no answer')), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function connect(host: string): Promise<mysql.Connection> {
  const place =
    config.socketPath === undefined
      ? { host, port: config.port, ssl: { ca, verifyIdentity: false } }
      : { socketPath: config.socketPath };
  const pending = mysql.createConnection({
    ...place,
    user: config.user,
    password: config.password,
    database: config.schema,
    connectTimeout: connectMs,
  });
  pending.then((late) => late.on('error', () => undefined)).catch(() => undefined);
  try {
    return await within(2 * connectMs, pending);
  } catch (error) {
    pending.then((late) => late.destroy()).catch(() => undefined);
    throw error;
  }
}

async function takesWrites(connection: mysql.Connection): Promise<boolean> {
  if (config.socketPath !== undefined) return true;
  const [rows] = await within(
    connectMs,
    connection.query<mysql.RowDataPacket[]>('SELECT @@read_only AS closed'),
  );
  return Number(rows[0]?.['closed']) === 0;
}

async function insert(connection: mysql.Connection, id: string): Promise<void> {
  await connection.query('INSERT INTO ledger (id) VALUES (?)', [id]);
}

async function transfer(connection: mysql.Connection, id: string, sequence: number): Promise<void> {
  const [from, to] = [sequence % config.accounts, (sequence * 7 + 1) % config.accounts].sort((a, b) => a - b);
  await connection.query('START TRANSACTION');
  await connection.query('SELECT balance FROM account WHERE id IN (?, ?) ORDER BY id FOR UPDATE', [from, to]);
  await connection.query('UPDATE account SET balance = balance - 1 WHERE id = ?', [from]);
  await connection.query('UPDATE account SET balance = balance + 1 WHERE id = ?', [to]);
  await insert(connection, id);
  await connection.query('COMMIT');
}

/** The server said no, so nothing was written: its errors have a number, the network's have none or a negative one. */
function isRefusal(error: unknown): boolean {
  const { errno, fatal } = error as { errno?: unknown; fatal?: unknown };
  // Ended or shut down while it waited for its acknowledgement: it may have been written.
  const interrupted = new Set([1053, 1077, 1158, 1317, 1927, 1969]);
  return typeof errno === 'number' && errno >= 1_000 && fatal !== true && !interrupted.has(errno);
}

async function work(worker: number): Promise<void> {
  let at = worker % config.members.length;
  let connection: mysql.Connection | undefined;
  const drop = (): void => {
    connection?.destroy();
    connection = undefined;
  };
  for (let sequence = 0; !stopping; sequence += 1) {
    if (connection === undefined) {
      try {
        connection = await connect(config.members[at] ?? '');
        if (!(await takesWrites(connection))) throw new Error('a replica');
      } catch {
        drop();
        at = (at + 1) % config.members.length;
        await sleep(retryMs);
        continue;
      }
    }
    const id = `${config.name}-${worker}-${sequence}`;
    const kind = sequence % transferEvery === 0 ? 'transaction' : 'autocommit';
    const sentAt = now();
    try {
      const write = kind === 'transaction' ? transfer(connection, id, sequence) : insert(connection, id);
      await within(statementMs, write);
      say({ id, kind, outcome: 'acknowledged', sentAt, doneAt: now() });
    } catch (error) {
      const outcome = isRefusal(error) ? 'refused' : 'unknown';
      say({ id, kind, outcome, sentAt, doneAt: now(), reason: (error as Error).message.slice(0, 120) });
      drop();
      at = (at + 1) % config.members.length;
      await sleep(retryMs);
    }
    await sleep(config.pauseMs);
  }
  drop();
}

await Promise.all(Array.from({ length: config.workers }, (_, worker) => work(worker)));
