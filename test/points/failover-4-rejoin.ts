import assert from 'node:assert/strict';
import { queryLocally } from '#test/support/database.ts';
import type { Lab } from '#test/support/lab.ts';
import { Ledger } from '#test/support/ledger/ledger.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import type { Evidence, LabPoint } from './point.ts';

interface Counts {
  /** Of data in the table that is copied. */
  readonly mebibytes: number;
  readonly cloneLimitSeconds: number;
}

const members = ['server-1', 'server-2'];

/** Rows of 64 KiB of noise, which nothing compresses. */
async function fill(lab: Lab, host: string, mebibytes: number): Promise<void> {
  const run = async (sql: string) => {
    const { code, stderr } = await queryLocally(lab, host, `USE users; ${sql}`);
    if (code !== 0) throw new Error(stderr);
  };
  await run(
    'CREATE TABLE IF NOT EXISTS bulk (id INT AUTO_INCREMENT PRIMARY KEY, noise LONGBLOB) ENGINE=InnoDB',
  );
  for (let done = 0; done < mebibytes; done += 8) {
    const row = '(REPEAT(RANDOM_BYTES(1024), 64))';
    await run(`INSERT INTO bulk (noise) VALUES ${Array.from({ length: 128 }, () => row).join()}`);
  }
}

/** Where a member's data lies, seen from its host. */
const dataDirectory = '/var/lib/tandem/mariadb/data';

export const rejoin: LabPoint<Counts> = {
  kind: 'lab',
  id: 'failover-4',
  title:
    'A former primary and a member without data come back by themselves; what nobody acknowledged is saved as SQL',
  inSuite: false,
  small: { mebibytes: 16, cloneLimitSeconds: 60 },
  full: { mebibytes: 1_024, cloneLimitSeconds: 60 },
  async run(lab, { counts, log }): Promise<Evidence> {
    const ledger = await Ledger.create(lab);
    const { database } = await lab.healthy();
    const former = database.primary ?? '';
    const other = members.find((name) => name !== former) ?? '';
    const errant = await errantWrite(lab, former, other);
    log(`errant transactions saved: ${errant.file}`);
    const primary = (await lab.healthy(60_000)).database.primary ?? '';
    await fill(lab, primary, counts.mebibytes);
    await lab.healthy(120_000);
    const victim = members.find((name) => name !== primary) ?? '';
    await ledger.write([primary], 2, 20);
    const acknowledgedBefore = ledger.records.length;
    const startedMs = performance.now();
    await lab.exec(victim, 'find', dataDirectory, '-mindepth', '1', '-delete');
    await lab.signalService(victim, 'mariadb', 'SIGKILL');
    await waitFor('the loss to be noticed', async () => !(await lab.status()).healthy, 20_000);
    await lab.healthy(counts.cloneLimitSeconds * 2_000);
    const seconds = (performance.now() - startedMs) / 1_000;
    const served = ledger.records.length - acknowledgedBefore;
    await ledger.check(members);
    log(
      `emptied, ${counts.mebibytes} MiB: healthy again after ${seconds.toFixed(1)} s, ${served} writes meanwhile`,
    );
    await queryLocally(lab, primary, 'DROP TABLE users.bulk');
    assert.ok(seconds <= counts.cloneLimitSeconds, `it took ${seconds} s`);
    assert.ok(served > 0, 'the donor did not serve');
    return {
      mebibytes: counts.mebibytes,
      healthyAgainSeconds: Math.round(seconds * 10) / 10,
      writesMeanwhile: served,
      errant,
    };
  },
};

/** A commit that waits for its acknowledgement when the primary dies, on a standby that never received it. */
async function errantWrite(
  lab: Lab,
  former: string,
  other: string,
): Promise<{ file: string; warned: boolean }> {
  await queryLocally(
    lab,
    former,
    'CREATE TABLE IF NOT EXISTS users.errant (id INT PRIMARY KEY) ENGINE=InnoDB',
  );
  await lab.healthy();
  const id = Date.now() % 1_000_000_000;
  await lab.fault('link-down', other);
  await sleep(300);
  const lost = queryLocally(lab, former, `INSERT INTO users.errant VALUES (${id})`);
  lost.catch(() => undefined);
  await waitFor(
    'the commit that waits for its acknowledgement',
    async () => {
      const status = await queryLocally(lab, former, "SHOW STATUS LIKE 'Rpl_semi_sync_master_wait_sessions'");
      return /\t1$/.test(status.stdout.trim());
    },
    4_000,
  );
  // The primary goes off before the standby is back: it alone has the row, and nobody acknowledged it.
  await lab.powerOff(former);
  await lab.fault('link-up', other);
  assert.notEqual((await lost).code, 0, 'the commit was acknowledged');
  await waitFor('the standby to lead', async () => (await lab.status()).database.primary === other, 30_000);
  await lab.expect('up');
  await lab.healthy(60_000);
  const { stdout: files } = await lab.exec(former, 'sh', '-c', 'ls /var/lib/tandem/mariadb/errant/*.sql');
  const file = files.trim().split('\n').at(-1) ?? '';
  const { stdout: text } = await lab.exec(former, 'cat', file);
  assert.match(text, /GTID \d+-\d+-\d+/, `${file} holds no transaction`);
  // `mariadb` reads it: on the server that has rejoined, as a dry run that is rolled back by its end.
  const { stdout: log } = await lab.run('logs', former, 'agent', '--lines', '300');
  const warned = /transactions that nobody acknowledged were taken out/.test(log);
  assert.ok(warned, 'no alert line');
  const { stdout: count } = await queryLocally(
    lab,
    other,
    `SELECT COUNT(*) FROM users.errant WHERE id = ${id}`,
  );
  assert.equal(count.trim(), '0', 'the row is in the data');
  return { file, warned };
}
