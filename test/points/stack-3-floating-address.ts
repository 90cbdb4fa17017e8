import assert from 'node:assert/strict';
import type { Lab } from '#test/support/lab.ts';
import { Prober } from '#test/support/prober.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import { type LabPoint, summary } from './point.ts';

interface Counts {
  readonly runs: number;
}

const faults = {
  'link down': {
    limitMs: 600,
    inject: (lab: Lab, host: string) => lab.fault('link-down', host),
    heal: (lab: Lab, host: string) => lab.fault('link-up', host),
  },
  'haproxy killed': {
    limitMs: 600,
    inject: async (lab: Lab, host: string) => process.kill(await lab.pid(host, 'haproxy'), 'SIGKILL'),
    heal: async () => undefined,
  },
  'haproxy stopped': {
    limitMs: undefined,
    inject: (lab: Lab, host: string) => lab.signalService(host, 'haproxy', 'SIGSTOP'),
    heal: (lab: Lab, host: string) => lab.signalService(host, 'haproxy', 'SIGCONT'),
  },
  'keepalived killed': {
    limitMs: undefined,
    inject: async (lab: Lab, host: string) => process.kill(await lab.pid(host, 'keepalived'), 'SIGKILL'),
    heal: async () => undefined,
  },
  'keepalived stopped': {
    limitMs: undefined,
    inject: (lab: Lab, host: string) => lab.signalService(host, 'keepalived', 'SIGSTOP'),
    heal: async () => undefined,
  },
} as const;

/** How many hosts hold the floating address. */
async function holders(lab: Lab): Promise<readonly string[]> {
  const { site } = await lab.status();
  const found = await Promise.all(
    ['lb-1', 'lb-2'].map(async (host) => {
      const { stdout } = await lab.exec(host, 'ip', '-4', '-o', 'address', 'show');
      return stdout.includes(` ${site.address}/`) ? [host] : [];
    }),
  );
  return found.flat();
}

export const floatingAddress: LabPoint<Counts> = {
  kind: 'lab',
  id: 'stack-3',
  title: 'The site answers through lb-2 when lb-1 loses its link, its HAProxy or its keepalived',
  small: { runs: 1 },
  full: { runs: 20 },
  async run(lab, { counts, log }) {
    const table: Record<string, unknown> = {};
    const url = await lab.url('/api/users');
    const ca = await lab.ca();
    for (const [name, fault] of Object.entries(faults)) {
      const gaps: number[] = [];
      for (let run = 0; run < counts.runs; run += 1) {
        await waitFor(
          'lb-1 to hold the address alone',
          async () => (await holders(lab)).join() === 'lb-1',
          15_000,
        );
        await waitFor(
          'the site to answer',
          async () => (await lab.fetch('/api/users')).status === 200,
          10_000,
        );
        const prober = new Prober().start(url, ca, { timeoutMs: 1_500 });
        await sleep(500);
        await fault.inject(lab, 'lb-1');
        await sleep(2_500);
        await fault.heal(lab, 'lb-1');
        await sleep(1_500);
        const report = await prober.stop();
        gaps.push(report.largestGapMs);
      }
      table[name] = summary(gaps);
      log(`${name}: ${JSON.stringify(table[name])} ms`);
      if (fault.limitMs !== undefined) {
        assert.ok(
          Math.max(...gaps) <= fault.limitMs,
          `${name}: gap of ${Math.max(...gaps)} ms, at most ${fault.limitMs}`,
        );
      }
    }
    return { largestGapMs: table };
  },
};
