import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { passwords, TwoMembers } from './two-members.ts';

let stack: TwoMembers;

const other = (index: 0 | 1): 0 | 1 => (index === 0 ? 1 : 0);

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
    const keeper = stack.query(0, 'SHOW GRANTS FOR tandem_accounts@localhost');
    // It makes the accounts of members that join, too.
    expect(keeper).toMatch(/^GRANT REPLICATION SLAVE, CREATE USER ON \*\.\* TO/m);
    expect(keeper).not.toMatch(/SUPER|READ.ONLY|ON `?mysql`?\.\*/);
    expect(stack.query(0, "SELECT COUNT(*) FROM mysql.global_priv WHERE User = ''")).toBe('0');
    await expect(stack.asApplication(1, "INSERT INTO people (name) VALUES ('no')")).rejects.toMatchObject({
      errno: 1290,
    });
    await expect(stack.asApplication(0, 'SELECT 1', false)).rejects.toThrow();
    await expect(stack.asApplication(0, 'SELECT * FROM tandem.epoch')).rejects.toMatchObject({
      errno: 1142,
    });
  });

  it('serve again within a second when a server is killed, whoever leads then', async () => {
    for (const victim of ['replica', 'primary', 'primary'] as const) {
      const primary = await stack.primary();
      const index = victim === 'primary' ? primary : other(primary);
      process.kill(stack.members[index].runner.pid('mariadb') ?? 0, 'SIGKILL');
      const start = performance.now();
      await stack.write("INSERT INTO people (name) VALUES ('after')");
      console.log(`${victim} killed: a write after ${Math.round(performance.now() - start)} ms`);
      await stack.untilBothReady();
    }
    await stack.untilEqual('SELECT COUNT(*) FROM users.people');
    // Every epoch writes under a server id of its own: also the sessions that were there before it.
    const primary = await stack.primary();
    expect(Number(stack.query(primary, 'SELECT @@global.server_id'))).toBeGreaterThan(65_536);
    expect(stack.query(primary, 'SELECT @@gtid_binlog_pos').split('-')[1]).toBe(
      stack.query(primary, 'SELECT @@global.server_id'),
    );
  });

  it('switch over on request, with the rule and the sentence in the history', async () => {
    const before = await stack.primary();
    const answer = await stack.ask(before, 'POST', '/v1/database/switchover', {});
    expect(answer.status, JSON.stringify(answer.body)).toBe(202);
    await stack.until(
      other(before),
      (status) => status.database?.role === 'primary' && status.database.ready,
    );
    await stack.untilBothReady();
    const { body } = await stack.ask(before, 'GET', '/v1/database/history');
    const last = (body as { history: { holder: string; rule: number; sentence: string }[] }).history.at(-1);
    expect(last).toMatchObject({ holder: stack.members[other(before)].peer.name, rule: 36 });
    expect(last?.sentence).toMatch(/^records itself as the only member of epoch \d+/);
  });

  it("run the operator's commands when roles change", async () => {
    const hooks = async (index: 0 | 1) => {
      const text = await readFile(join(stack.members[index].directory, 'hooks.jsonl'), 'utf8');
      return text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { hook: string; epoch: number; host: string; sentence: string });
    };
    const primary = await stack.primary();
    const { epoch } = (await stack.status(primary)).database ?? {};
    const host = stack.members[primary].peer.name;
    expect((await hooks(primary)).findLast(({ hook }) => hook === 'onPromote')).toMatchObject({
      epoch,
      host,
    });
    expect((await hooks(other(primary))).findLast(({ hook }) => hook === 'onDemote')).toMatchObject({
      epoch,
      primary: host,
    });
    expect((await hooks(primary)).at(-1)).toMatchObject({ hook: 'onSync', epoch });
  });

  it('wait with a switchover for a transaction that has written, and give it up', async () => {
    const before = await stack.primary();
    const open = await stack.openTransaction(before);
    const answer = await stack.ask(before, 'POST', '/v1/database/switchover', {});
    expect(answer.status).toBe(202);
    await stack.until(before, (status) =>
      /waits for 1 open transaction/.test(status.database?.explanation ?? ''),
    );
    await stack.untilSaid(before, /gives the switchover to server-\d up: transactions stayed open/);
    // Given up before anything was changed: the transaction can still be committed.
    await open.query('COMMIT');
    open.destroy();
    await stack.untilBothReady();
    expect(await stack.primary()).toBe(before);
  });

  it('refuse what would not work, with the reason', async () => {
    const primary = await stack.primary();
    const to = (name: string) => stack.ask(primary, 'POST', '/v1/database/switchover', { to: name });
    expect(await to('server-9')).toMatchObject({ status: 409, body: { detail: /no database member/ } });
    expect(await to(stack.members[primary].peer.name)).toMatchObject({
      status: 409,
      body: { detail: /already/ },
    });
    const force = await stack.ask(primary, 'POST', '/v1/database/failover', { confirmed: true });
    expect(force).toMatchObject({ status: 409, body: { detail: /no need for force/ } });
    const rejoin = await stack.ask(primary, 'POST', '/v1/database/rejoin');
    expect(rejoin).toMatchObject({ status: 409, body: { detail: /is the primary/ } });
  });

  it('go on without agents and without etcd, and agents come back to the same roles', async () => {
    const primary = await stack.primary();
    stack.stopAgent(0);
    stack.stopAgent(1);
    for (const index of [0, 1, 2]) await stack.etcd.kill(index);
    await stack.asApplication(primary, "INSERT INTO people (name) VALUES ('alone')");
    await Promise.all([stack.startAgent(0), stack.startAgent(1)]);
    await sleep(2_000);
    await stack.asApplication(primary, "INSERT INTO people (name) VALUES ('still')");
    for (const index of [0, 1, 2]) await stack.etcd.startMember(index);
    await stack.etcd.ready();
    await stack.untilBothReady();
    expect(await stack.primary()).toBe(primary);
  });

  it('stop waiting for a replica that is gone, and wait again when it is back', async () => {
    const primary = await stack.primary();
    const replica = other(primary);
    stack.stopAgent(replica);
    await stack.members[replica].runner.control('mariadb', 'stop');
    const start = performance.now();
    await stack.asApplication(primary, "INSERT INTO people (name) VALUES ('degraded')");
    expect(performance.now() - start).toBeGreaterThan(1_000);
    expect(performance.now() - start).toBeLessThan(4_000);
    const { failover } = (await stack.status(primary)).database ?? {};
    expect(failover).toMatchObject({ possible: false, reason: /no sync standby/ });
    await stack.startAgent(replica);
    await stack.untilBothReady();
  });

  it('clone again when the replica has lost its data', async () => {
    const primary = await stack.primary();
    const replica = other(primary);
    stack.stopAgent(replica);
    await stack.members[replica].runner.control('mariadb', 'stop');
    await rm(stack.members[replica].config.database?.dataDirectory ?? '', { recursive: true });
    await stack.startAgent(replica);
    const ms = await stack.until(replica, (status) => status.database?.ready === true);
    console.log(`cloned again in ${ms} ms`);
    await stack.untilEqual('SELECT COUNT(*) FROM users.people');
  });

  it('clone again when only remnants are left, which are moved aside', async () => {
    const primary = await stack.primary();
    const replica = other(primary);
    await stack.untilBothReady();
    const { config, runner, directory } = stack.members[replica];
    const data = config.database?.dataDirectory ?? '';
    // Emptied under the running server, which leaves what it writes in its last moment.
    for (const name of await readdir(data)) await rm(join(data, name), { recursive: true });
    await writeFile(join(data, 'ib_logfile0'), 'left');
    process.kill(runner.pid('mariadb') ?? 0, 'SIGKILL');
    await stack.until(replica, (status) => status.database?.ready !== true);
    await stack.until(replica, (status) => status.database?.ready === true);
    await stack.untilEqual('SELECT COUNT(*) FROM users.people');
    const beside = await readdir(join(directory, 'mariadb'));
    expect(beside.filter((name) => name.includes('.remnants-'))).toHaveLength(1);
  });

  it('save what nobody acknowledged before it is taken out of a former primary', async () => {
    const primary = await stack.primary();
    const replica = other(primary);
    await stack.untilBothReady();
    // The replica stops, so that the next commit waits; then the primary dies with it.
    process.kill(stack.members[replica].runner.pid('mariadb') ?? 0, 'SIGSTOP');
    const lost = stack.asApplication(primary, "INSERT INTO people (name) VALUES ('errant')");
    lost.catch(() => undefined);
    await sleep(300);
    stack.stopAgent(primary);
    process.kill(stack.members[primary].runner.pid('mariadb') ?? 0, 'SIGKILL');
    process.kill(stack.members[replica].runner.pid('mariadb') ?? 0, 'SIGCONT');
    await stack.until(replica, (status) => status.database?.role === 'primary');
    await stack.startAgent(primary);
    await stack.untilBothReady();
    await stack.untilEqual('SELECT GROUP_CONCAT(name ORDER BY id) FROM users.people');
    const here = stack.query(replica, "SELECT COUNT(*) FROM users.people WHERE name = 'errant'");
    const { warnings } = await stack.status(primary);
    // The replica may have received it after all: then it is in the data, and nothing is errant.
    if (here === '0') expect(warnings.join()).toMatch(/transactions that nobody acknowledged.*\.sql/);
    else expect(warnings.join()).not.toMatch(/nobody acknowledged/);
  });

  it('never make a new database over a lost or a foreign one', async () => {
    const primary = await stack.primary();
    const replica = other(primary);
    stack.stopAgent(replica);
    await stack.members[replica].runner.control('mariadb', 'stop');
    const marker = join(stack.members[replica].directory, 'mariadb/tandem-member.json');
    const own = await readFile(marker, 'utf8');
    await writeFile(marker, own.replace(/0123456789abcdef/, 'ffffffffffffffff'));
    await stack.startAgent(replica);
    await stack.until(replica, (status) =>
      /belongs to another stack/.test(status.database?.explanation ?? ''),
    );
    expect((await stack.status(replica)).warnings.join()).toMatch(/another stack/);
    stack.stopAgent(replica);
    await rm(marker);
    await stack.startAgent(replica);
    await stack.until(replica, (status) => /did not make/.test(status.database?.explanation ?? ''));
    stack.stopAgent(replica);
    await stack.until(primary, (status) => status.database?.failover.possible === false);
    // With its only companion gone the primary alone has every write: no empty database takes its place.
    stack.stopAgent(primary);
    await stack.members[primary].runner.control('mariadb', 'stop');
    await rm(join(stack.members[primary].directory, 'mariadb'), { recursive: true });
    await stack.startAgent(primary);
    await stack.until(primary, (status) =>
      /its data directory is gone/.test(status.database?.explanation ?? ''),
    );
  });

  it('say no secret in any log line', () => {
    const text = stack.members.flatMap((member) => member.lines).join('');
    for (const password of Object.values(passwords)) expect(text).not.toContain(password);
  });
});
