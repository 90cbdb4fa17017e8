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

/** Every process of a service on a host: the supervisor's restart is part of what is being tested. */
async function killService(lab: Lab, host: string, service: string): Promise<void> {
  process.kill(await lab.pid(host, service), 'SIGKILL');
}

export const balance: LabPoint<Counts> = {
  kind: 'lab',
  id: 'stack-2',
  title: 'Weights are exact; active-passive moves to the second host and back with no failed request',
  small: { requests: 300, kills: 1 },
  full: { requests: 300, kills: 10 },
  async run(lab, { counts, log }) {
    const expected = { 'server-1': (counts.requests * 2) / 3, 'server-2': counts.requests / 3 };
    const keptAlive = await hostsServing(lab, counts.requests, true);
    assert.deepEqual(keptAlive, expected);
    const newConnections = await hostsServing(lab, counts.requests, false);
    assert.deepEqual(newConnections, expected);
    log(`split over kept-alive and new connections: ${JSON.stringify([keptAlive, newConnections])}`);

    const original = lab.stack;
    await lab.write({ ...original, web: { ...original.web, mode: 'active-passive' } });
    await lab.expect('up');
    try {
      assert.deepEqual(await hostsServing(lab, counts.requests, false), { 'server-1': counts.requests });
      const runs: { service: string; probes: number; failed: number; servedBySecond: number }[] = [];
      for (let run = 0; run < counts.kills; run += 1) {
        for (const services of [['nginx'], ['app-1', 'app-2']]) {
          const prober = new Prober().start(await lab.url('/api/users'), await lab.ca(), {
            timeoutMs: 5_000,
          });
          await sleep(300);
          // Freezing would not end by itself; three kills in a row outlast the supervisor's restart.
          const until = performance.now() + 1_500;
          while (performance.now() < until) {
            for (const service of services)
              await killService(lab, 'server-1', service).catch(() => undefined);
          }
          await sleep(1_000);
          await waitFor(
            'server-1 to serve again',
            async () => (await lab.fetch('/api/users')).headers['x-tandem-host'] === 'server-1',
            15_000,
          );
          const report = await prober.stop();
          assert.deepEqual(
            report.failed.map((probe) => probe.error),
            [],
            `requests failed while ${services.join(', ')} was killed`,
          );
          const servedBySecond = report.probes.filter((probe) => probe.host === 'server-2').length;
          assert.ok(servedBySecond > 0, 'server-2 never served');
          runs.push({ service: services.join('+'), probes: report.probes.length, failed: 0, servedBySecond });
        }
      }
      log(`active-passive: ${JSON.stringify(runs)}`);
      return { keptAlive, newConnections, activePassive: runs };
    } finally {
      await lab.write(original);
      await lab.expect('up');
    }
  },
};
