/**
 * `npm run bench:router [-- --rounds N --seconds N --threads 1,8 --workloads oltp_point_select --node "--prof"]`:
 * sysbench direct, through HAProxy in TCP mode, through a bare pass-through, and through the SQL router over TCP and
 * over its unix socket, in one interleaved run. A whole run writes docs/evidence/bench-router.json and its section of docs/benchmarks.md. Exit
 * code 1 when a goal is missed.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { writeEvidence } from '#test/prove/evidence.ts';
import {
  goals,
  missed,
  nameOf,
  type Row,
  rowOf,
  type Sample,
  summaryOf,
  ways,
  writeTable,
} from './report.ts';
import { type Case, prepareTables, run, type Workload } from './sysbench.ts';
import { type Way, World } from './world.ts';

const whole = {
  threads: '1,8,32,128',
  workloads: 'oltp_point_select,oltp_read_only,oltp_read_write',
  statements: 'text,prepared',
};

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    threads: { type: 'string', default: whole.threads },
    workloads: { type: 'string', default: whole.workloads },
    statements: { type: 'string', default: whole.statements },
    node: { type: 'string', default: '' },
  },
});
const rounds = Number(values.rounds);
/** Whole ones: sysbench takes no others. */
const seconds = Number(values.seconds);
const isWhole =
  values.threads === whole.threads &&
  values.workloads === whole.workloads &&
  values.statements === whole.statements &&
  values.node === '';

/** User and system time of a process so far. @see proc(5), stat: fields 14 and 15, in ticks of 10 ms */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
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

async function sampleOf(way: Way, one: Case, round: number): Promise<Sample> {
  const { pid } = way;
  const before = pid === null ? 0 : cpuSeconds(pid);
  const result = await run(way, one, seconds);
  const usedSeconds = pid === null ? null : cpuSeconds(pid) - before;
  const cpuPerQueryUs =
    usedSeconds === null ? null : (1e6 * usedSeconds) / (result.queriesPerSecond * seconds);
  return { ...one, ...result, way: way.name, round, cpuPerQueryUs };
}

function print(row: Row): void {
  const cells = ways.map((way) => String(row.queriesPerSecond[way]).padStart(14));
  const ratios = [
    row.tcpRatio.toFixed(2).padStart(12),
    row.socketRatio.toFixed(2).padStart(16),
    row.passThroughRatio.toFixed(2).padStart(22),
  ];
  const cpu = ways.slice(1).map((way) => row.cpuPerQueryUs[way]?.toFixed(1));
  console.log([nameOf(row).padEnd(34), ...cells, ...ratios, `  ${cpu.join(' / ')} µs`].join(''));
}

/** Programs that run for months are not measured while they compile. */
const warmUpSeconds = 2;

function isNewKind(one: Case): boolean {
  return one.threads === cases[0]?.threads;
}

async function measure(world: World): Promise<{ rows: readonly Row[]; samples: readonly Sample[] }> {
  const rows: Row[] = [];
  const samples: Sample[] = [];
  const [direct] = world.ways;
  if (direct === undefined) throw new Error('nothing to measure');
  await prepareTables(direct);
  const heads = ways.map((way) => way.padStart(14)).join('');
  console.log(
    `${'workload, statements, threads'.padEnd(34)}${heads} TCP/HAProxy  socket/HAProxy  pass-through/HAProxy  CPU per query`,
  );
  for (const one of cases) {
    if (isNewKind(one)) for (const way of world.ways) await run(way, { ...one, threads: 8 }, warmUpSeconds);
    for (let round = 0; round < rounds; round += 1) {
      // Each round begins with another way: nobody always has the warm caches.
      for (let index = 0; index < world.ways.length; index += 1) {
        const way = world.ways[(index + round) % world.ways.length];
        if (way !== undefined) samples.push(await sampleOf(way, one, round));
      }
    }
    const row = rowOf(one, samples);
    rows.push(row);
    print(row);
  }
  return { rows, samples };
}

const startedMs = performance.now();
const world = await World.start(values.node.split(' ').filter((word) => word !== ''));
let rows: readonly Row[];
let samples: readonly Sample[];
try {
  ({ rows, samples } = await measure(world));
} finally {
  await world.stop();
}
const summary = summaryOf(rows);
console.log(summary);
if (isWhole) {
  const failures = missed(summary);
  const counts = { rounds, seconds };
  await writeEvidence(
    {
      id: 'bench-router',
      title: 'Throughput and latency of the SQL router beside HAProxy in TCP mode',
      passed: failures.length === 0,
      failure: failures.length === 0 ? null : failures.join('; '),
      counts: { ...counts, goals },
      seen: { summary, rows, samples },
      durationSeconds: Math.round((performance.now() - startedMs) / 1_000),
    },
    { sysbench: ['sysbench', '--version'] },
  );
  await writeTable(rows, summary, counts);
  console.log(failures.length === 0 ? 'passed' : `NOT PASSED: ${failures.join('; ')}`);
  if (failures.length > 0) process.exitCode = 1;
}
