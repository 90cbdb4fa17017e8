/**
 * `npm run bench:router [-- --rounds N --seconds N --threads 1,8 --workloads oltp_point_select --node "--prof"]`:
 * sysbench direct, through HAProxy in TCP mode, and through the SQL router over TCP and over its unix socket, in one
 * interleaved run; medians, and ratios to HAProxy.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type Case, prepareTables, run, type Workload } from './sysbench.ts';
import { World } from './world.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    threads: { type: 'string', default: '1,8,32' },
    workloads: { type: 'string', default: 'oltp_point_select,oltp_read_only,oltp_read_write' },
    statements: { type: 'string', default: 'text,prepared' },
    node: { type: 'string', default: '' },
  },
});

/** User and system time of a process so far. @see proc(5), stat: fields 14 and 15, in ticks of 10 ms */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

const cases: Case[] = values.workloads.split(',').flatMap((workload) =>
  values.statements.split(',').flatMap((kind) =>
    values.threads.split(',').map((threads) => ({
      workload: workload as Workload,
      threads: Number(threads),
      prepared: kind === 'prepared',
    })),
  ),
);

const world = await World.start(values.node.split(' ').filter((word) => word !== ''));
const ratios: number[][] = [[], []];
try {
  const [direct] = world.ways;
  if (direct === undefined) throw new Error('nothing to measure');
  await prepareTables(direct);
  const header = [
    'case'.padEnd(34),
    ...world.ways.map(({ name }) => name.padStart(14)),
    ' TCP/HAProxy',
    ' socket/HAProxy',
    '  CPU per query of the three',
  ];
  console.log(header.join(''));
  for (const one of cases) {
    const samples = world.ways.map((): number[] => []);
    const cpu = world.ways.map((): number[] => []);
    for (let round = 0; round < Number(values.rounds); round++) {
      // Each round begins with another way: nobody always has the warm caches.
      for (let index = 0; index < world.ways.length; index++) {
        const at = (index + round) % world.ways.length;
        const way = world.ways[at];
        if (way === undefined) continue;
        const pid = way.name === 'HAProxy' ? world.haproxyPid : world.routerPid;
        const before = cpuSeconds(pid);
        const { queriesPerSecond } = await run(way, one, Number(values.seconds));
        samples[at]?.push(queriesPerSecond);
        const usedSeconds = cpuSeconds(pid) - before;
        if (way.name !== 'direct') {
          cpu[at]?.push((1e6 * usedSeconds) / (queriesPerSecond * Number(values.seconds)));
        }
      }
    }
    const medians = samples.map(median);
    const [, haproxy = Number.NaN, tcp = Number.NaN, socket = Number.NaN] = medians;
    ratios[0]?.push(tcp / haproxy);
    ratios[1]?.push(socket / haproxy);
    const name = `${one.workload} ${one.prepared ? 'prepared' : 'text'} ${one.threads}`;
    const cells = medians.map((value) => value.toFixed(0).padStart(14));
    console.log(
      [
        name.padEnd(34),
        ...cells,
        (tcp / haproxy).toFixed(2).padStart(12),
        (socket / haproxy).toFixed(2).padStart(16),
        `  ${cpu
          .slice(1)
          .map((all) => median(all).toFixed(1))
          .join(' / ')} µs`,
      ].join(''),
    );
  }
  const mean = (all: readonly number[]) =>
    Math.exp(all.reduce((sum, one) => sum + Math.log(one), 0) / all.length);
  const [overTcp, overSocket] = ratios.map((all) => mean(all));
  console.log(
    `geometric mean against HAProxy: TCP ${overTcp?.toFixed(3)}, unix socket ${overSocket?.toFixed(3)}`,
  );
} finally {
  await world.stop();
}
