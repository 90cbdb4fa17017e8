import assert from 'node:assert/strict';
import type { Lab } from '#test/support/lab.ts';
import { Ledger } from '#test/support/ledger/ledger.ts';
import { ledgerNow } from '#test/support/ledger/records.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import { type Evidence, type LabPoint, summary } from './point.ts';

interface Counts {
  readonly runs: number;
  readonly outageMs: number;
}

/** What counts as no interruption: what a busy machine does to any write now and then. */
const noticeableMs = 1_000;
const etcdHosts = ['lb-1', 'server-1', 'server-2'];

async function epochOf(lab: Lab): Promise<number> {
  const history = JSON.parse(await lab.expect('db', 'history', '--json')) as { epoch: number }[];
  return history.at(-1)?.epoch ?? 0;
}

/** Takes etcd members away under load; the longest pause of writes meanwhile. */
async function without(
  lab: Lab,
  ledger: Ledger,
  hosts: readonly string[],
  durationMs: number,
): Promise<number> {
  await ledger.write(['server-1', 'server-2']);
  await sleep(500);
  const from = ledgerNow();
  await Promise.all(hosts.map((host) => lab.keepDown(host, ['etcd'], durationMs)));
  const to = ledgerNow();
  return ledger.longestPause(from, to);
}

/** All members run again; how often they ended is told for half a minute after, and is no reason to wait. */
async function quorumWhole(lab: Lab): Promise<void> {
  const whole = async () => {
    const { hosts, database } = await lab.status();
    const states = hosts.flatMap(({ services }) => services.filter(({ name }) => name === 'etcd'));
    return database.failover.possible && states.every(({ pid }) => pid !== null);
  };
  await waitFor('every etcd member', whole, 60_000);
  await sleep(1_000);
}

/** What the agents decided lately: for whoever has to find out why writes paused. */
async function tellDecisions(
  lab: Lab,
  members: readonly string[],
  log: (line: string) => void,
): Promise<void> {
  for (const host of members) {
    for (const service of ['agent', 'mariadb']) {
      const { stdout } = await lab.run('logs', host, service, '--lines', '60');
      for (const line of stdout.trim().split('\n')) log(`${host} ${service}: ${line}`);
    }
  }
}

/** A server that dies while etcd is away can't open again; it does so when etcd is back. */
async function crashWithoutEtcd(lab: Lab, ledger: Ledger): Promise<number> {
  const { database } = await lab.healthy();
  await ledger.write(['server-1', 'server-2']);
  const away = Promise.all(etcdHosts.map((host) => lab.keepDown(host, ['etcd'], 6_000)));
  await sleep(2_000);
  await lab.signalService(database.primary ?? '', 'mariadb', 'SIGKILL');
  await away;
  const from = ledgerNow();
  const at = await ledger.untilAcknowledged(from, 30_000);
  return at - from;
}

export const withoutEtcd: LabPoint<Counts> = {
  kind: 'lab',
  id: 'failover-2-etcd',
  title:
    'One etcd member, its leader, or all of them killed: no interruption; a crash meanwhile is repaired afterwards',
  inSuite: false,
  small: { runs: 1, outageMs: 4_000 },
  full: { runs: 7, outageMs: 60_000 },
  async run(lab, { counts, log }): Promise<Evidence> {
    const ledger = await Ledger.create(lab);
    const members = ['server-1', 'server-2'];
    const pauses: Record<string, number[]> = { lb1: [], server1: [], server2: [] };
    try {
      const epoch = await epochOf(lab);
      for (let run = 0; run < counts.runs; run += 1) {
        // One of the three leads: in turns each is killed.
        for (const host of etcdHosts) {
          const pause = await without(lab, ledger, [host], 2_000);
          pauses[host.replace('-', '')]?.push(pause);
          log(`etcd on ${host} killed: ${Math.round(pause)} ms`);
          await ledger.check(members);
          await quorumWhole(lab);
        }
      }
      const all = await without(lab, ledger, etcdHosts, counts.outageMs);
      log(`all of etcd away for ${counts.outageMs} ms: ${Math.round(all)} ms`);
      if (all > noticeableMs) await tellDecisions(lab, members, log);
      await ledger.check(members);
      await lab.healthy(60_000);
      assert.equal(await epochOf(lab), epoch, 'the primary changed');
      const seen = {
        one: Object.fromEntries(Object.entries(pauses).map(([host, values]) => [host, summary(values)])),
        all,
      };
      const longest = Math.max(all, ...Object.values(pauses).flat());
      assert.ok(longest <= noticeableMs, `writes paused for ${longest} ms: ${JSON.stringify(seen)}`);
      const repairedMs = await crashWithoutEtcd(lab, ledger);
      log(`a crash meanwhile: writes ${Math.round(repairedMs)} ms after etcd was back`);
      await lab.healthy(60_000);
      await ledger.check(members);
      return { pauseMs: seen, outageMs: counts.outageMs, repairedAfterEtcdMs: Math.round(repairedMs) };
    } finally {
      await ledger.stop();
      await waitFor('health', async () => (await lab.status()).healthy, 60_000).catch(() => undefined);
    }
  },
};
