import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Capture, captureHolds, otherProtocols, segmentsOf } from '#test/support/capture.ts';
import { accountsOf, membersOf, query } from '#test/support/database.ts';
import { fetchOnce, keepAliveAgent } from '#test/support/http.ts';
import type { Lab } from '#test/support/lab.ts';
import { bridgeOf } from '#test/support/namespaces.ts';
import { Outside } from '#test/support/outside.ts';
import { judgeStreams, type Stream } from '#test/support/streams.ts';
import { gatewayOf } from '#test/support/subnet.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import type { LabPoint } from './point.ts';

interface Counts {
  /** Users posted (and read, and removed) while the bridge is captured. */
  readonly users: number;
}

type Log = (line: string) => void;

async function checkPrivileges(lab: Lab): Promise<readonly string[]> {
  const { application } = await accountsOf(lab);
  const { primary } = await membersOf(lab);
  const { stdout, code, stderr } = await query(
    lab,
    primary.host,
    primary.address,
    application,
    'SHOW GRANTS',
  );
  assert.equal(code, 0, stderr);
  const grants = stdout.trim().split('\n');
  const global = grants.filter((grant) => / ON \*\.\* /.test(grant));
  assert.ok(global.length > 0, `no line for *.* in ${stdout}`);
  for (const grant of global) assert.match(grant, /^GRANT USAGE ON \*\.\* /, 'a global privilege');
  for (const grant of grants) {
    assert.doesNotMatch(grant, /WITH GRANT OPTION|GRANT PROXY/);
    assert.doesNotMatch(grant, / ON `?(mysql|sys|performance_schema)`?\./);
  }
  // Never in evidence or logs, hashed or not.
  return grants.map((grant) => grant.replace(/'\*[0-9A-F]{40}'/g, "'…'"));
}

async function checkReplicaRefusesWrites(lab: Lab): Promise<Record<string, string>> {
  const { application, schema } = await accountsOf(lab);
  const { primary, replica } = await membersOf(lab);
  const statements = [
    `INSERT INTO ${schema}.users (name, email) VALUES ('no', 'no@example.org')`,
    `UPDATE ${schema}.users SET name = 'no'`,
    `DELETE FROM ${schema}.users`,
    `CREATE TABLE ${schema}.no (id INT)`,
    `DROP TABLE ${schema}.users`,
    `SET GLOBAL read_only = 0`,
    `FLUSH TABLES`,
    `STOP SLAVE`,
  ];
  const refusals: Record<string, string> = {};
  for (const sql of statements) {
    const { code, stderr } = await query(lab, primary.host, replica.address, application, sql);
    assert.notEqual(code, 0, `the replica accepted: ${sql}`);
    assert.match(stderr, /ERROR (1290|1227|1142|1044|1045)/, `${sql}: ${stderr}`);
    refusals[sql] = /ERROR \d+/.exec(stderr)?.[0] ?? '';
  }
  assert.equal(refusals[statements[0] ?? ''], 'ERROR 1290', 'what refuses an INSERT is read_only');
  return refusals;
}

async function checkTlsRequired(lab: Lab): Promise<Record<string, string>> {
  const accounts = await accountsOf(lab);
  const { primary, replica } = await membersOf(lab);
  const refusals: Record<string, string> = {};
  for (const [name, account] of Object.entries({
    application: accounts.application,
    replication: accounts.replication,
  })) {
    for (const [role, server, from] of [
      ['primary', primary, replica.host],
      ['replica', replica, primary.host],
    ] as const) {
      // With TLS it works: so what refuses it without is TLS, not the password.
      const withTls = await query(lab, from, server.address, account, 'SELECT @@ssl_cipher IS NOT NULL');
      assert.equal(withTls.code, 0, `${name} to the ${role} with TLS: ${withTls.stderr}`);
      const without = await query(lab, from, server.address, account, 'SELECT 1', { tls: false });
      assert.notEqual(without.code, 0, `${name} got into the ${role} without TLS`);
      assert.match(without.stderr, /ERROR (3159|1045|2026)/, without.stderr);
      refusals[`${name} to the ${role}`] = /ERROR \d+/.exec(without.stderr)?.[0] ?? '';
    }
  }
  return refusals;
}

/** Posts, lists and removes users, on new and kept-alive connections, and asks the plain port. */
async function useSite(lab: Lab, marker: string, users: number): Promise<void> {
  const url = await lab.url('/api/users');
  const ca = await lab.ca();
  const agent = keepAliveAgent(2);
  for (let user = 0; user < users; user += 1) {
    const kept = user % 2 === 0 ? { agent } : {};
    const body = { name: `${marker} ${user}`, email: `${marker}-${user}@example.org` };
    const added = await fetchOnce(url, { ca, method: 'POST', body, timeoutMs: 15_000, ...kept });
    assert.equal(added.status, 201, added.body);
    const listed = await waitFor(
      'the new user in the list',
      async () => {
        const answer = await fetchOnce(url, { ca, ...kept });
        return answer.body.includes(body.email) && answer;
      },
      5_000,
    );
    assert.equal(listed.status, 200);
    const { id } = JSON.parse(added.body) as { id: number };
    const removed = await fetchOnce(`${url}/${id}`, { ca, method: 'DELETE', ...kept });
    assert.equal(removed.status, 204, removed.body);
  }
  agent.destroy();
}

/** Ends every connection between hosts, so that the capture sees each stream from its first byte. */
async function cutConnections(lab: Lab): Promise<void> {
  for (const host of lab.hosts) {
    await lab.inNetwork(host, 'ss', '-K', '-t', 'state', 'established', 'dst', lab.subnet);
  }
}

const redirect =
  "http.get(process.argv[1], { headers: { host: 'example.org' } }, (a) => { a.resume(); console.log(a.statusCode, a.headers.location); })";

async function canWrite(lab: Lab, marker: string): Promise<boolean> {
  const body = { name: marker, email: `${marker}-${randomBytes(4).toString('hex')}@example.org` };
  return (await lab.fetch('/api/users', { method: 'POST', body, timeoutMs: 15_000 })).status === 201;
}

async function captureUse(lab: Lab, users: number, log: Log) {
  const marker = `marker-${randomBytes(12).toString('hex')}`;
  const file = join(lab.directory, 'use.pcapng');
  const capture = await Capture.start(await bridgeOf(gatewayOf(lab.subnet)), file);
  await cutConnections(lab);
  const cutMs = Date.now();
  await lab.healthy();
  // A write may have been on its way when its connection was cut; from the first that is answered on, none fails.
  await waitFor('a write after the cut', () => canWrite(lab, marker), 20_000);
  await useSite(lab, marker, users);
  const { site } = await lab.status();
  const outside = await Outside.plug(lab, 'pcap', 249);
  try {
    const answer = await outside.run(process.execPath, ['-e', redirect, `http://${site.address}/`]);
    assert.match(answer.stdout, /^30[1278] https:/, `the plain port: ${answer.stdout}${answer.stderr}`);
  } finally {
    await outside.close();
  }
  await capture.stop();
  assert.equal(await captureHolds(file, marker), false, 'the marker was sent in the clear');
  const segments = await segmentsOf(file);
  const streams = judgeStreams(segments, lab.stack.site?.httpPort ?? 80);
  const late = new Set(segments.filter(({ timeMs }) => timeMs > cutMs + 1_000).map(({ stream }) => stream));
  const before = streams.filter(({ id, verdict }) => verdict === 'began before' && late.has(id));
  assert.deepEqual(before, [], 'streams whose beginning the capture missed');
  const plain = streams.filter(({ verdict }) => verdict === 'plain');
  assert.deepEqual(plain, [], 'streams that are not TLS from their first payload');
  const counts = verdictCounts(streams);
  log(`streams on the bridge: ${JSON.stringify(counts)}`);
  for (const verdict of ['tls', 'mariadb-tls', 'redirect'] as const) {
    assert.ok((counts[verdict] ?? 0) > 0, `no ${verdict} stream in the capture: it missed the traffic`);
  }
  const others = await otherProtocols(file);
  const unexpected = Object.keys(others).filter(
    (name) => !/^(ARP|VRRP|ICMP|ICMPv6|STP|IGMPv[123]|MLDv[12])$/i.test(name),
  );
  assert.deepEqual(unexpected, [], 'packets other than TCP, ARP, VRRP and ICMP');
  return { streams: counts, bytes: streams.reduce((sum, stream) => sum + stream.bytes, 0), others };
}

function verdictCounts(streams: readonly Stream[]): Partial<Record<Stream['verdict'], number>> {
  const counts: Partial<Record<Stream['verdict'], number>> = {};
  for (const { verdict } of streams) counts[verdict] = (counts[verdict] ?? 0) + 1;
  return counts;
}

/** A checker that can't say no proves nothing: a refused plain login and a plain echo must both be found. */
async function checkChecker(lab: Lab): Promise<readonly string[]> {
  const marker = `marker-${randomBytes(12).toString('hex')}`;
  const file = join(lab.directory, 'plain.pcapng');
  const capture = await Capture.start(await bridgeOf(gatewayOf(lab.subnet)), file);
  const [left, right] = [await Outside.plug(lab, 'plain-a', 247), await Outside.plug(lab, 'plain-b', 248)];
  try {
    const server = "net.createServer((s) => s.pipe(s)).listen(7777, () => console.log('listening'))";
    const echo = right.spawn(process.execPath, ['-e', server]);
    await new Promise((resolve) => echo.stdout?.once('data', resolve));
    const client =
      "net.connect(7777, process.argv[1]).on('data', () => process.exit()).write(process.argv[2])";
    const sent = await left.run(process.execPath, ['-e', client, right.address, marker], 10_000);
    assert.equal(sent.code, 0, sent.stderr);
    const { application } = await accountsOf(lab);
    const { primary, replica } = await membersOf(lab);
    await query(lab, replica.host, primary.address, application, 'SELECT 1', { tls: false });
    await sleep(200);
  } finally {
    await left.close();
    await right.close();
    await capture.stop();
  }
  assert.equal(
    await captureHolds(file, marker),
    true,
    'the search does not find a marker that was sent plainly',
  );
  const plain = judgeStreams(await segmentsOf(file), 80).filter(({ verdict }) => verdict === 'plain');
  const servers = plain.map(({ server }) => server.replace(/^.*:/, ''));
  assert.ok(servers.includes('7777'), 'the checker takes a plain echo for TLS');
  assert.ok(servers.includes('3306'), 'the checker takes a plain MariaDB login for TLS');
  return servers;
}

export const privileges: LabPoint<Counts> = {
  kind: 'lab',
  id: 'stack-4',
  title: 'Least privileges; no connection without TLS; nothing readable on the bridge',
  small: { users: 5 },
  full: { users: 200 },
  async run(lab, { counts, log }) {
    const grants = await checkPrivileges(lab);
    const replicaRefuses = await checkReplicaRefusesWrites(lab);
    const withoutTls = await checkTlsRequired(lab);
    log('privileges, read-only replica and required TLS: as they should be');
    const checkerFinds = await checkChecker(lab);
    const capture = await captureUse(lab, counts.users, log);
    return { grants, replicaRefuses, withoutTls, checkerFinds, capture };
  },
};
