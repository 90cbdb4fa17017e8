/** From samples to the table: medians over the rounds, and their ratio to the minimal HAProxy's. */
import { cpus } from 'node:os';
import { percentile } from '#test/points/point.ts';
import { versions } from '#test/prove/versions.ts';
import { writeSection } from '../section.ts';
import type { Client, Measurement } from './measure.ts';

export interface Sample extends Measurement {
  readonly balancer: string;
  readonly client: Client;
  readonly round: number;
}

export interface Row {
  readonly client: Client;
  readonly balancer: string;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  /** Requests per second by the minimal HAProxy's: the median of the rounds' own ratios, as neighbours in time. */
  readonly ratio: number;
  readonly failed: number;
}

const reference = 'minimal HAProxy';

export function rowsOf(samples: readonly Sample[], clients: readonly Client[]): readonly Row[] {
  const names = [...new Set(samples.map(({ balancer }) => balancer))].toSorted();
  return clients.flatMap((client) =>
    names.map((balancer): Row => {
      const of = (name: string) =>
        samples.filter((sample) => sample.client === client && sample.balancer === name);
      const own = of(balancer);
      const ratios = own.map((sample) => {
        const base = of(reference).find(({ round }) => round === sample.round);
        return sample.requestsPerSecond / (base?.requestsPerSecond ?? Number.NaN);
      });
      return {
        client,
        balancer,
        requestsPerSecond: Math.round(
          percentile(
            own.map((sample) => sample.requestsPerSecond),
            0.5,
          ),
        ),
        p99Ms:
          Math.round(
            percentile(
              own.map((sample) => sample.p99Ms),
              0.5,
            ) * 100,
          ) / 100,
        ratio: Math.round(percentile(ratios, 0.5) * 1_000) / 1_000,
        failed: own.reduce((sum, sample) => sum + sample.failed, 0),
      };
    }),
  );
}

/** Puts the table into docs/benchmarks.md. */
export async function writeTable(
  rows: readonly Row[],
  counts: { rounds: number; seconds: number; connections: number; rateLimit: unknown },
): Promise<void> {
  const found = await versions({ caddy: ['caddy', 'version'] });
  const table = rows.map(
    (row) =>
      `| ${row.client} | ${row.balancer} | ${row.requestsPerSecond} | ${row.p99Ms} | ${row.ratio.toFixed(2)} |`,
  );
  await writeSection('bench:http', [
    '## HTTP',
    '',
    `\`npm run bench:http\`: a file of 1 KiB from two nginx servers over TLS through each balancer in turn,`,
    `${counts.rounds} interleaved rounds of ${counts.seconds} s, ${counts.connections} connections (HTTP/2: 8 connections of 4 streams), medians.`,
    `All balancers verify and encrypt again to the servers. Client, balancers and servers share ${cpus().length} cores.`,
    `The ratio is to the minimal HAProxy's requests per second. Setting raised for it:`,
    `\`balancer.rateLimit\` = \`${JSON.stringify(counts.rateLimit)}\` (the defaults are in docs/reference).`,
    `HAProxy ${found['haproxy']}, nginx ${found['nginx']}, Caddy ${found['caddy']}, Linux ${found['kernel']}.`,
    '',
    '| client | balancer | requests per second | p99 ms | ratio |',
    '|---|---|---:|---:|---:|',
    ...table,
    '',
    'Every sample is in [evidence/bench-http.json](evidence/bench-http.json).',
  ]);
}
