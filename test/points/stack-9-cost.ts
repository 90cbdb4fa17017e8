import assert from 'node:assert/strict';
import { Lab, referenceStack } from '#test/support/lab.ts';
import { label, pssBytes } from '#test/support/processes.ts';
import { sleep } from '#test/support/wait.ts';
import { type Evidence, type OwnPoint, summary } from './point.ts';

interface Counts {
  readonly ups: number;
  readonly restSeconds: number;
  /** In the suite other work shares the machine: only the full run holds times to their goals. */
  readonly strict: boolean;
}

const upLimitMs = 10_000;
const pssLimitBytes = 2 ** 30;
const cpuLimitShare = 0.1;
const mebibyte = 2 ** 20;

/** Seconds of processor time that the lab's processes and their ended children have used. */
function cpuSeconds(lab: Lab): ReadonlyMap<string, number> {
  return new Map(
    lab
      .processes()
      .map((own) => [`${own.pid} ${own.startTicks} ${own.host} ${label(own)}`, own.cpuTicks / 100]),
  );
}

async function atRest(lab: Lab, { restSeconds, strict }: Counts): Promise<Evidence> {
  // What a start leaves to be done (buffer pools, first checks) is no rest.
  await sleep(Math.min(10_000, restSeconds * 1_000));
  const memory = lab
    .processes()
    .map((own) => ({ process: `${own.host} ${label(own)}`, bytes: pssBytes(own.pid) }));
  const before = cpuSeconds(lab);
  const startedMs = performance.now();
  await sleep(restSeconds * 1_000);
  const after = cpuSeconds(lab);
  const elapsed = (performance.now() - startedMs) / 1_000;
  const used = [...after].map(([process, seconds]) => ({
    process,
    share: (seconds - (before.get(process) ?? 0)) / elapsed,
  }));
  const cpuShare = used.reduce((sum, { share }) => sum + share, 0);
  const pss = memory.reduce((sum, { bytes }) => sum + bytes, 0);
  const top = <T>(list: readonly T[], value: (item: T) => number) =>
    list.toSorted((left, right) => value(right) - value(left)).slice(0, 12);
  const result = {
    processes: memory.length,
    pssMiB: Math.round(pss / mebibyte),
    cpuPercentOfOneCore: Math.round(cpuShare * 1_000) / 10,
    largest: top(memory, ({ bytes }) => bytes).map(
      ({ process, bytes }) => `${Math.round(bytes / mebibyte)} MiB ${process}`,
    ),
    busiest: top(used, ({ share }) => share).map(
      ({ process, share }) => `${(share * 100).toFixed(2)} % ${process.replace(/^\d+ \d+ /, '')}`,
    ),
  };
  assert.ok(pss <= pssLimitBytes, `the lab at rest takes ${result.pssMiB} MiB: ${result.largest.join('; ')}`);
  assert.ok(
    cpuShare <= (strict ? cpuLimitShare : 2 * cpuLimitShare),
    `the lab at rest takes ${result.cpuPercentOfOneCore} % of a core: ${result.busiest.join('; ')}`,
  );
  return result;
}

export const cost: OwnPoint<Counts> = {
  kind: 'own',
  id: 'stack-9',
  title: 'Warm up in 10 s; the whole lab at rest within 1 GiB and a tenth of a core',
  inSuite: false,
  small: { ups: 1, restSeconds: 10, strict: false },
  full: { ups: 5, restSeconds: 60, strict: true },
  async run(place, { counts, log }) {
    const upMs: number[] = [];
    let rest: Evidence = {};
    for (let up = 0; up < counts.ups; up += 1) {
      const lab = await Lab.describe(referenceStack(place.name, place.subnet));
      try {
        const startedMs = performance.now();
        await lab.expect('up');
        upMs.push(performance.now() - startedMs);
        assert.equal((await lab.fetch('/api/users')).status, 200);
        log(`up without data: ${((upMs.at(-1) ?? 0) / 1_000).toFixed(1)} s`);
        if (up === counts.ups - 1) rest = await atRest(lab, counts);
      } finally {
        await lab.close();
      }
    }
    const { median } = summary(upMs);
    if (counts.strict) assert.ok(median <= upLimitMs, `the median of ${counts.ups} warm ups is ${median} ms`);
    return { upMs: summary(upMs), rest };
  },
};
