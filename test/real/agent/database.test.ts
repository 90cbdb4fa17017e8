import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { passwords, TwoMembers } from './two-members.ts';

let stack: TwoMembers;

beforeAll(async () => {
  stack = await TwoMembers.create();
});
afterAll(() => stack.dispose());

describe('two members', () => {
  it('become a primary and an acknowledging replica', async () => {
    const start = Date.now();
    await Promise.all([stack.startAgent(0), stack.startAgent(1)]);
    await stack.until(1, (status) => status.database?.ready === true && status.database.sync);
    await stack.until(0, (status) => status.database?.ready === true);
    console.log(`created, cloned and attached in ${Date.now() - start} ms`);
    expect((await stack.status(0)).database).toMatchObject({ role: 'primary', ready: true });
    expect((await stack.status(1)).database).toMatchObject({ role: 'replica', sync: true, lagSeconds: 0 });
    expect(stack.query(0, 'SELECT @@read_only, @@rpl_semi_sync_master_enabled')).toBe('0\t1');
    expect(stack.query(1, 'SELECT @@read_only, @@rpl_semi_sync_slave_enabled')).toBe('1\t1');
    expect(stack.query(1, 'SELECT epoch, holder FROM tandem.epoch')).toBe('1\tserver-1');
  });

  it('replicate over verified TLS', async () => {
    await stack.asApplication(0, "INSERT INTO people (name) VALUES ('Ada')");
    for (let attempt = 0; attempt < 50; attempt += 1) {
      if (stack.query(1, 'SELECT name FROM users.people') === 'Ada') break;
      await sleep(20);
    }
    expect(stack.query(1, 'SELECT name FROM users.people')).toBe('Ada');
    const status = await stack.replicaStatus(1);
    expect(status).toMatchObject({
      Master_SSL_Allowed: 'Yes',
      Master_SSL_Verify_Server_Cert: 'Yes',
      Using_Gtid: 'Slave_Pos',
    });
  });

  it('give accounts no more than they need', async () => {
    expect(stack.query(0, "SHOW GRANTS FOR users_app@'%'")).not.toMatch(/ON \*\.\* .*(SUPER|ALL)/);
    expect(stack.query(0, "SHOW GRANTS FOR users_app@'%'")).toMatch(/GRANT USAGE ON \*\.\* .* REQUIRE SSL/);
    expect(stack.query(0, "SHOW GRANTS FOR `tandem_replication_server-2`@'%'")).toMatch(
      /GRANT REPLICATION SLAVE ON \*\.\* .* REQUIRE SSL/,
    );
    expect(stack.query(0, "SELECT COUNT(*) FROM mysql.global_priv WHERE User = ''")).toBe('0');
    await expect(stack.asApplication(1, "INSERT INTO people (name) VALUES ('no')")).rejects.toMatchObject({
      errno: 1290,
    });
    await expect(stack.asApplication(0, 'SELECT 1', false)).rejects.toThrow();
    await expect(stack.asApplication(0, 'SELECT * FROM tandem.epoch')).rejects.toMatchObject({
      errno: 1142,
    });
  });

  it('serve again within a second when a server is killed', async () => {
    for (const index of [0, 1] as const) {
      const pid = stack.members[index].runner.pid('mariadb') ?? 0;
      process.kill(pid, 'SIGKILL');
      const start = Date.now();
      for (;;) {
        try {
          await stack.asApplication(0, "INSERT INTO people (name) VALUES ('after')");
          break;
        } catch {
          await sleep(10);
        }
      }
      console.log(`member ${index} killed: a write after ${Date.now() - start} ms`);
      await stack.until(0, (status) => status.database?.ready === true);
      await stack.until(1, (status) => status.database?.ready === true);
    }
    expect(stack.query(0, 'SELECT @@rpl_semi_sync_master_enabled')).toBe('1');
    expect(stack.query(0, 'SELECT COUNT(*) FROM users.people')).toBe(
      stack.query(1, 'SELECT COUNT(*) FROM users.people'),
    );
  });

  it('go on without agents and without etcd, and agents come back to the same roles', async () => {
    stack.stopAgent(0);
    stack.stopAgent(1);
    for (const index of [0, 1, 2]) await stack.etcd.kill(index);
    await stack.asApplication(0, "INSERT INTO people (name) VALUES ('alone')");
    await Promise.all([stack.startAgent(0), stack.startAgent(1)]);
    await stack.until(0, (status) => status.database?.ready === true);
    process.kill(stack.members[0].runner.pid('mariadb') ?? 0, 'SIGKILL');
    await sleep(300);
    await stack.until(0, (status) => status.database?.ready === true);
    for (const index of [0, 1, 2]) await stack.etcd.startMember(index);
    await stack.etcd.ready();
  });

  it('stop waiting for a replica that is gone, and wait again when it is back', async () => {
    stack.stopAgent(1);
    await stack.members[1].runner.control('mariadb', 'stop');
    const start = Date.now();
    await stack.asApplication(0, "INSERT INTO people (name) VALUES ('degraded')");
    expect(Date.now() - start).toBeGreaterThan(1_000);
    expect(Date.now() - start).toBeLessThan(3_500);
    expect((await stack.status(0)).warnings.join()).toMatch(/no replica has acknowledged for/);
    await stack.startAgent(1);
    await stack.until(1, (status) => status.database?.ready === true);
    await stack.until(0, (status) => status.database?.ready === true);
  });

  it('clone again when the replica has lost its data', async () => {
    stack.stopAgent(1);
    await stack.members[1].runner.control('mariadb', 'stop');
    const data = stack.members[1].config.database?.dataDirectory ?? '';
    await rm(data, { recursive: true });
    await stack.startAgent(1);
    const ms = await stack.until(1, (status) => status.database?.ready === true);
    console.log(`cloned again in ${ms} ms`);
    expect(stack.query(1, 'SELECT COUNT(*) FROM users.people')).toBe(
      stack.query(0, 'SELECT COUNT(*) FROM users.people'),
    );
  });

  it('never make a new database over a lost or a foreign one', async () => {
    stack.stopAgent(1);
    await stack.members[1].runner.control('mariadb', 'stop');
    const marker = join(stack.members[1].directory, 'mariadb/tandem-member.json');
    const own = await readFile(marker, 'utf8');
    await writeFile(marker, own.replace(/0123456789abcdef/, 'ffffffffffffffff'));
    await stack.startAgent(1);
    await stack.until(1, (status) => /belongs to another stack/.test(status.database?.explanation ?? ''));
    expect((await stack.status(1)).warnings.join()).toMatch(/another stack/);
    stack.stopAgent(1);
    await rm(marker);
    await stack.startAgent(1);
    await stack.until(1, (status) => /did not make/.test(status.database?.explanation ?? ''));
    stack.stopAgent(1);
    await writeFile(marker, own);
    await stack.startAgent(1);
    await stack.until(1, (status) => status.database?.ready === true);

    stack.stopAgent(0);
    await stack.members[0].runner.control('mariadb', 'stop');
    await rm(join(stack.members[0].directory, 'mariadb'), { recursive: true });
    await stack.startAgent(0);
    await stack.until(0, (status) => /its data directory is gone/.test(status.database?.explanation ?? ''));
  });

  it('say no secret in any log line', () => {
    const text = stack.members.flatMap((member) => member.lines).join('');
    for (const password of Object.values(passwords)) expect(text).not.toContain(password);
  });
});
