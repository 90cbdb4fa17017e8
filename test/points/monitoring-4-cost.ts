import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dashboards } from '#src/render/monitoring/grafana/panels.ts';
import { expectCommand } from '#test/support/command.ts';
import { Lab, referenceStack } from '#test/support/lab.ts';
import { metricNames } from '#test/support/metric-names.ts';
import { Prometheus } from '#test/support/monitoring.ts';
import { label, pssBytes } from '#test/support/processes.ts';
import { sleep } from '#test/support/wait.ts';
import type { Evidence, OwnPoint } from './point.ts';

interface Counts {
  readonly restSeconds: number;
  /** How long Prometheus reads before a month is estimated from it. */
  readonly readMinutes: number;
}

const pssLimitBytes = 400 * 2 ** 20;
const cpuLimitShare = 0.05;
const mebibyte = 2 ** 20;
const daySeconds = 86_400;
const monthDays = 31;

interface Cost {
  readonly pss: number;
  readonly cpu: number;
  readonly by: Readonly<Record<string, { readonly pss: number; readonly cpu: number }>>;
}

async function cost(lab: Lab, seconds: number): Promise<Cost> {
  const ticks = () => new Map(lab.processes().map((own) => [`${own.pid} ${own.startTicks}`, own.cpuTicks]));
  const before = ticks();
  const startedMs = performance.now();
  await sleep(seconds * 1_000);
  const elapsed = (performance.now() - startedMs) / 1_000;
  const by: Record<string, { pss: number; cpu: number }> = {};
  for (const own of lab.processes()) {
    const name = label(own);
    const used = own.cpuTicks - (before.get(`${own.pid} ${own.startTicks}`) ?? 0);
    const sum = by[name] ?? { pss: 0, cpu: 0 };
    by[name] = { pss: sum.pss + pssBytes(own.pid), cpu: sum.cpu + used / 100 / elapsed };
  }
  const all = Object.values(by);
  return {
    pss: all.reduce((sum, each) => sum + each.pss, 0),
    cpu: all.reduce((sum, each) => sum + each.cpu, 0),
    by,
  };
}

const shown = ({ pss, cpu }: { pss: number; cpu: number }) => ({
  pssMiB: Math.round((pss / mebibyte) * 10) / 10,
  cpuPercentOfOneCore: Math.round(cpu * 10_000) / 100,
});

/**
 * The same requests before both measurements: what a database, an application and a balancer take for the first of them
 * is no cost of monitoring. Every series has a value then, also those of requests.
 */
async function rested(lab: Lab): Promise<void> {
  for (let request = 0; request < 90; request += 1) {
    await lab.fetch('/api/users', { timeoutMs: 20_000 });
    await sleep(1_000);
  }
  await sleep(30_000);
}

/** Of what is watched: what monitoring adds to it by asking. */
function growth(before: Cost, after: Cost): Evidence {
  const none = { pss: 0, cpu: 0 };
  const names = Object.keys(before.by).filter((name) => after.by[name] !== undefined);
  return Object.fromEntries(
    names.map((name) => {
      const [left, right] = [before.by[name] ?? none, after.by[name] ?? none];
      return [name, shown({ pss: right.pss - left.pss, cpu: right.cpu - left.cpu })];
    }),
  );
}

/** What is read now, written as blocks by promtool: bytes a sample takes on disk, and samples a second. */
async function month(watcher: Prometheus, minutes: number): Promise<Evidence> {
  const data = (await watcher.ask(
    `/api/v1/query?query=${encodeURIComponent(`{__name__=~".+"}[${minutes}m]`)}`,
  )) as { result: readonly { metric: Record<string, string>; values: readonly [number, string][] }[] };
  const lines: string[] = [];
  let [samples, family] = [0, ''];
  // One family after the other, each announced once.
  const nameOf = ({ metric }: (typeof data.result)[number]) => metric['__name__'] ?? '';
  for (const series of data.result.toSorted((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1))) {
    const { __name__: name = '', ...labels } = series.metric;
    const text = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
    if (name !== family) lines.push(`# TYPE ${name} unknown`);
    family = name;
    for (const [time, value] of series.values) lines.push(`${name}{${text.join(',')}} ${value} ${time}`);
    samples += series.values.length;
  }
  const directory = await mkdtemp(join(tmpdir(), 'tandem-month-'));
  try {
    const source = join(directory, 'series.txt');
    await writeFile(source, `${lines.join('\n')}\n# EOF\n`);
    const blocks = join(directory, 'blocks');
    await expectCommand('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', '--quiet', source, blocks]);
    const files = await readdir(blocks, { recursive: true });
    let bytes = 0;
    for (const file of files) {
      const found = await stat(join(blocks, file));
      if (found.isFile()) bytes += found.size;
    }
    const bytesPerSample = bytes / samples;
    const samplesPerSecond = samples / (minutes * 60);
    return {
      series: data.result.length,
      samples,
      samplesPerSecond: Math.round(samplesPerSecond * 10) / 10,
      bytesPerSample: Math.round(bytesPerSample * 100) / 100,
      monthMiB: Math.round((bytesPerSample * samplesPerSecond * daySeconds * monthDays) / mebibyte),
    };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Of every dashboard: a chart of something that nobody measures would be empty for ever. */
async function checkDashboards(watcher: Prometheus): Promise<number> {
  const there = new Set((await watcher.ask('/api/v1/label/__name__/values')) as readonly string[]);
  const asked = new Set(
    dashboards.flatMap(({ panels }) =>
      panels.flatMap(({ queries }) => queries.flatMap(({ expression }) => metricNames(expression))),
    ),
  );
  // Only there while an alert is.
  asked.delete('ALERTS');
  assert.deepEqual(
    [...asked].filter((name) => !there.has(name)),
    [],
    'asked for by a dashboard, and not measured',
  );
  return asked.size;
}

export const monitoringCost: OwnPoint<Counts> = {
  kind: 'own',
  id: 'monitoring-4',
  title: 'Monitoring costs at most 400 MiB and 5 % of one core at rest; a month of series on disk',
  inSuite: false,
  small: { restSeconds: 60, readMinutes: 5 },
  full: { restSeconds: 300, readMinutes: 20 },
  async run({ name, subnet }, { counts, log }) {
    const reference = referenceStack(name, subnet);
    const lab = await Lab.describe({ ...reference, monitoring: false });
    try {
      await lab.expect('up');
      await rested(lab);
      const without = await cost(lab, counts.restSeconds);
      log(`without monitoring: ${JSON.stringify(shown(without))}`);
      await lab.write({ ...reference, monitoring: {} });
      await lab.expect('up');
      await lab.healthy(300_000);
      const startedMs = performance.now();
      await rested(lab);
      const watcher = await Prometheus.of(lab, 'lb-1');
      const metrics = await checkDashboards(watcher);
      const withIt = await cost(lab, counts.restSeconds);
      const names = Object.keys(withIt.by).filter((each) => without.by[each] === undefined);
      const own = names.reduce(
        (sum, each) => ({
          pss: sum.pss + (withIt.by[each]?.pss ?? 0),
          cpu: sum.cpu + (withIt.by[each]?.cpu ?? 0),
        }),
        { pss: 0, cpu: 0 },
      );
      const difference = { pss: withIt.pss - without.pss, cpu: withIt.cpu - without.cpu };
      log(
        `its own processes: ${JSON.stringify(shown(own))}; all in all: ${JSON.stringify(shown(difference))}`,
      );
      const left = counts.readMinutes * 60_000 - (performance.now() - startedMs);
      await sleep(Math.max(0, left));
      const disk = await month(watcher, counts.readMinutes);
      log(`a month: ${JSON.stringify(disk)}`);
      assert.ok(difference.pss <= pssLimitBytes, `it takes ${shown(difference).pssMiB} MiB`);
      assert.ok(
        difference.cpu <= cpuLimitShare,
        `it takes ${shown(difference).cpuPercentOfOneCore} % of a core`,
      );
      return {
        without: shown(without),
        with: shown(withIt),
        ownProcesses: {
          ...shown(own),
          by: Object.fromEntries(names.map((each) => [each, shown(withIt.by[each] ?? own)])),
        },
        watched: growth(without, withIt),
        allInAll: shown(difference),
        dashboards: { metrics },
        disk,
      };
    } finally {
      await lab.close();
    }
  },
};
