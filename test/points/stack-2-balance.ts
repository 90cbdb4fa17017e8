import assert from 'node:assert/strict';
import { fetchOnce, keepAliveAgent } from '#test/support/http.ts';
import type { Lab } from '#test/support/lab.ts';
import { Prober } from '#test/support/prober.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import type { LabPoint } from './point.ts';

interface Counts {
  readonly requests: number;
  readonly kills: number;
}

/** Which host served each of `count` requests, one after the other. */
async function hostsServing(lab: Lab, count: number, keepAlive: boolean): Promise<Record<string, number>> {
  const url = await lab.url('/api/users');
  const ca = await lab.ca();
  const agent = keepAlive ? keepAliveAgent(1) : undefined;
  const seen: Record<string, number> = {};
  for (let index = 0; index < count; index += 1) {
    const answer = await fetchOnce(url, { ca, ...(agent === undefined ? {} : { agent }) });
    assert.equal(answer.status, 200, answer.body);
    const host = answer.headers['x-tandem-host'] ?? 'unknown';
    seen[host] = (seen[host] ?? 0) + 1;
  }
  agent?.destroy();
  return seen;
}

interface Run {
  readonly killed: string;
  readonly probes: number;
  readonly servedBySecond: number;
  readonly backAfterMs: number;
}

/** Longer than a single restart takes, so that the first host is really gone for a while. */
const downMs = 1_500;

async function killOnFirst(lab: Lab, services: readonly string[]): Promise<Run> {
  const killed = services.join(' and ');
  using prober = new Prober().start(await lab.url('/api/users'), await lab.ca(), { timeoutMs: 5_000 });
  await sleep(300);
  await lab.keepDown('server-1', services, downMs);
  const endedMs = performance.now();
  const servedBy = async () => (await lab.fetch('/api/users')).headers['x-tandem-host'];
  await waitFor('server-1 to serve again', async () => (await servedBy()) === 'server-1', 15_000);
  const backAfterMs = Math.round(performance.now() - endedMs);
  await sleep(300);
  const report = await prober.stop();
  assert.deepEqual(
    report.failed.map((probe) => probe.error),
    [],
    `requests failed while ${killed} on server-1 was killed`,
  );
  const servedBySecond = report.probes.filter((probe) => probe.host === 'server-2').length;
  assert.ok(servedBySecond > 0, `server-2 never served while ${killed} on server-1 was killed`);
  assert.equal(report.probes.at(-1)?.host, 'server-1');
  return { killed, probes: report.probes.length, servedBySecond, backAfterMs };
}

async function activePassive(lab: Lab, counts: Counts, log: (line: string) => void): Promise<readonly Run[]> {
  const seen = await hostsServing(lab, counts.requests, false);
  assert.deepEqual(seen, { 'server-1': counts.requests });
  const runs: Run[] = [];
  for (let run = 0; run < counts.kills; run += 1) {
    for (const services of [['nginx'], ['app-1', 'app-2']]) {
      const result = await killOnFirst(lab, services);
      runs.push(result);
      log(JSON.stringify(result));
    }
  }
  return runs;
}

export const balance: LabPoint<Counts> = {
  kind: 'lab',
  id: 'stack-2',
  // Three quarters of a minute; the suite has fifteen.
  inSuite: false,
  title: 'Weights are exact; active-passive moves to the second host and back with no failed request',
  small: { requests: 300, kills: 1 },
  full: { requests: 300, kills: 10 },
  async run(lab, { counts, log }) {
    const expected = { 'server-1': (counts.requests * 2) / 3, 'server-2': counts.requests / 3 };
    const keptAlive = await hostsServing(lab, counts.requests, true);
    assert.deepEqual(keptAlive, expected, 'split of the requests of one kept-alive client');
    const newConnections = await hostsServing(lab, counts.requests, false);
    assert.deepEqual(newConnections, expected, 'split of requests on new connections');
    log(`split over kept-alive and new connections: ${JSON.stringify([keptAlive, newConnections])}`);
    const original = lab.stack;
    await lab.write({ ...original, web: { ...original.web, mode: 'active-passive' } });
    try {
      await lab.expect('up');
      return { keptAlive, newConnections, activePassive: await activePassive(lab, counts, log) };
    } finally {
      await lab.write(original);
      await lab.expect('up');
    }
  },
};
