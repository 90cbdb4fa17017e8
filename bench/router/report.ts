/** From samples to the table: medians over the rounds, and ratios between neighbours in time. */
import { cpus } from 'node:os';
import { routerPriority } from '#src/render/router.ts';
import { percentile } from '#test/points/point.ts';
import { versions } from '#test/prove/versions.ts';
import { writeSection } from '../section.ts';
import type { Case, Result } from './sysbench.ts';

export const ways = ['direct', 'HAProxy', 'pass-through', 'router TCP', 'router socket'] as const;
export type WayName = (typeof ways)[number];

export interface Sample extends Result, Case {
  readonly way: WayName;
  readonly round: number;
  /** CPU time of the proxy for each query, microseconds; null for direct. */
  readonly cpuPerQueryUs: number | null;
}

export interface Row extends Case {
  readonly queriesPerSecond: Readonly<Record<WayName, number>>;
  readonly medianMs: Readonly<Record<WayName, number>>;
  readonly cpuPerQueryUs: Readonly<Record<WayName, number | null>>;
  /** Throughput by HAProxy's: the median of the rounds' own ratios. */
  readonly tcpRatio: number;
  readonly socketRatio: number;
  readonly passThroughRatio: number;
}

export interface Summary {
  readonly tcpMean: number;
  readonly tcpLeast: number;
  readonly socketMean: number;
  /** What a proxy in Node.js can't go beyond; no goal. */
  readonly passThroughMean: number;
  /** Added to a point select at one thread, against direct: the largest of text and prepared. */
  readonly addedLatencyUs: number;
}

export const goals = { tcpMean: 1, tcpLeast: 0.9, socketMean: 1.15, addedLatencyUs: 60 };

const median = (values: readonly number[]) => percentile(values, 0.5);
const round = (value: number, digits: number) => Number(value.toFixed(digits));

export function rowOf(one: Case, samples: readonly Sample[]): Row {
  const own = samples.filter(
    ({ workload, threads, prepared }) =>
      workload === one.workload && threads === one.threads && prepared === one.prepared,
  );
  const of = (way: WayName) => own.filter((sample) => sample.way === way);
  const each = <T>(value: (way: WayName) => T) =>
    Object.fromEntries(ways.map((way) => [way, value(way)])) as Record<WayName, T>;
  const ratio = (way: WayName) =>
    median(
      of(way).map((sample) => {
        const base = of('HAProxy').find((other) => other.round === sample.round);
        return sample.queriesPerSecond / (base?.queriesPerSecond ?? Number.NaN);
      }),
    );
  return {
    ...one,
    queriesPerSecond: each((way) => Math.round(median(of(way).map((sample) => sample.queriesPerSecond)))),
    medianMs: each((way) => round(median(of(way).map((sample) => sample.medianMs)), 3)),
    cpuPerQueryUs: each((way) => {
      const used = of(way).flatMap(({ cpuPerQueryUs }) => (cpuPerQueryUs === null ? [] : [cpuPerQueryUs]));
      return used.length === 0 ? null : round(median(used), 1);
    }),
    tcpRatio: round(ratio('router TCP'), 3),
    socketRatio: round(ratio('router socket'), 3),
    passThroughRatio: round(ratio('pass-through'), 3),
  };
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

export function summaryOf(rows: readonly Row[]): Summary {
  const tcp = rows.map(({ tcpRatio }) => tcpRatio);
  const added = rows
    .filter(({ workload, threads }) => workload === 'oltp_point_select' && threads === 1)
    .map(({ medianMs }) => 1_000 * (medianMs['router TCP'] - medianMs.direct));
  return {
    tcpMean: round(geometricMean(tcp), 3),
    tcpLeast: Math.min(...tcp),
    socketMean: round(geometricMean(rows.map(({ socketRatio }) => socketRatio)), 3),
    passThroughMean: round(geometricMean(rows.map(({ passThroughRatio }) => passThroughRatio)), 3),
    addedLatencyUs: Math.round(Math.max(...added)),
  };
}

export function missed(summary: Summary): readonly string[] {
  const failures: string[] = [];
  for (const key of ['tcpMean', 'tcpLeast', 'socketMean'] as const) {
    if (summary[key] < goals[key])
      failures.push(`${key} ${summary[key]}, the goal is at least ${goals[key]}`);
  }
  if (summary.addedLatencyUs > goals.addedLatencyUs) {
    failures.push(`addedLatencyUs ${summary.addedLatencyUs}, the goal is at most ${goals.addedLatencyUs}`);
  }
  return failures;
}

export function nameOf({ workload, threads, prepared }: Case): string {
  const words = workload.replace('oltp_', '').replaceAll('_', ' ');
  return `${words}, ${prepared ? 'prepared' : 'text'}, ${threads}`;
}

/** Puts the table into docs/benchmarks.md. */
export async function writeTable(
  rows: readonly Row[],
  summary: Summary,
  counts: { readonly rounds: number; readonly seconds: number },
): Promise<void> {
  const found = await versions({ sysbench: ['sysbench', '--version'] });
  await writeSection('bench:router', [
    '## SQL router',
    '',
    `\`npm run bench:router\`: sysbench against one MariaDB server, directly, through HAProxy in TCP mode, through 40 lines of Node.js`,
    'that pass bytes and look at none (`bench/router/pass-through.ts`: what a proxy in Node.js cannot go beyond), and through the SQL router',
    `over TCP and over its unix socket; ${counts.rounds} interleaved rounds of ${counts.seconds} s, medians. Plain connections to the server from all;`,
    `HAProxy with its default of one thread for each core, the router with one worker. All share ${cpus().length} cores, and all that stands before`,
    `the server has the priority of the router's service (nice ${routerPriority}). Ratios are to HAProxy's queries per second, round by round. MariaDB ${found['mariadb']}, HAProxy ${found['haproxy']}, sysbench ${found['sysbench']}, Linux ${found['kernel']}.`,
    '',
    '| workload, statements, threads | direct | HAProxy | pass-through | router TCP | router socket | TCP ratio | socket ratio | pass-through ratio | CPU per query, µs: HAProxy / pass-through / TCP / socket |',
    '|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
    ...rows.map((row) => {
      const qps = ways.map((way) => row.queriesPerSecond[way]).join(' | ');
      const cpu = ways.slice(1).map((way) => row.cpuPerQueryUs[way]?.toFixed(1));
      return `| ${nameOf(row)} | ${qps} | ${row.tcpRatio.toFixed(2)} | ${row.socketRatio.toFixed(2)} | ${row.passThroughRatio.toFixed(2)} | ${cpu.join(' / ')} |`;
    }),
    '',
    `Geometric mean over TCP ${summary.tcpMean} (least ${summary.tcpLeast}), over the unix socket ${summary.socketMean}; the pass-through ${summary.passThroughMean}. A point select at one thread takes`,
    `${summary.addedLatencyUs} µs longer over TCP than directly (median).`,
    '',
    'Every sample is in [evidence/bench-router.json](evidence/bench-router.json).',
  ]);
}
