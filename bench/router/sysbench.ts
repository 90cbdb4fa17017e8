/** One run of sysbench, and what it says. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { account, type Way } from './world.ts';

export type Workload = 'oltp_point_select' | 'oltp_read_only' | 'oltp_read_write';

export interface Case {
  readonly workload: Workload;
  readonly threads: number;
  readonly prepared: boolean;
}

export interface Result {
  readonly queriesPerSecond: number;
  /** Of an event: one statement for point selects, a transaction for the others. Steps of 2 % (sysbench's histogram). */
  readonly medianMs: number;
}

const tables = ['--tables=1', '--table-size=10000'];

function common(way: Way): string[] {
  const { user, password } = account;
  return [
    '--db-driver=mysql',
    ...way.args,
    `--mysql-user=${user}`,
    `--mysql-password=${password}`,
    '--mysql-db=sbtest',
    ...tables,
  ];
}

export async function prepareTables(way: Way): Promise<void> {
  await promisify(execFile)('sysbench', ['oltp_read_write', ...common(way), 'prepare']);
}

/** Rejects when sysbench fails, or counts an error. */
export async function run(way: Way, { workload, threads, prepared }: Case, seconds: number): Promise<Result> {
  const { stdout } = await promisify(execFile)('sysbench', [
    workload,
    ...common(way),
    `--threads=${threads}`,
    `--time=${seconds}`,
    `--db-ps-mode=${prepared ? 'auto' : 'disable'}`,
    '--mysql-ignore-errors=1213,1020,1205',
    '--histogram',
    'run',
  ]);
  const number = (pattern: RegExp): number => {
    const match = pattern.exec(stdout);
    if (match === null) throw new Error(`sysbench said nothing of ${pattern}:\n${stdout}`);
    return Number(match[1]);
  };
  return {
    queriesPerSecond: number(/queries:\s+\d+\s+\((\d+(?:\.\d+)?) per sec/),
    medianMs: medianOf(stdout),
  };
}

/** Lines of the histogram: milliseconds, a bar, a count. */
function medianOf(stdout: string): number {
  const rows = [...stdout.matchAll(/^\s*(\d+\.\d+) \|\**\s+(\d+)$/gm)].map(([, ms, count]) => ({
    ms: Number(ms),
    count: Number(count),
  }));
  const total = rows.reduce((sum, { count }) => sum + count, 0);
  let seen = 0;
  for (const { ms, count } of rows) {
    seen += count;
    if (2 * seen >= total) return ms;
  }
  throw new Error(`sysbench printed no histogram:\n${stdout}`);
}
