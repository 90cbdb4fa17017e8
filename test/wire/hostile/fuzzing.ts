/** Runs shares of the fuzzing side by side, each a process: what one of them breaks is seen from outside. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { FuzzKind, Share } from './fuzz-worker.ts';

const run = promisify(execFile);
const worker = join(import.meta.dirname, 'fuzz-worker.ts');
const breaker = join(import.meta.dirname, 'break-source.ts');

/** As a router has it: what stays of a session would end the process. */
const memory = ['--max-old-space-size=256', '--max-semi-space-size=8'];

export interface Order {
  readonly kind: FuzzKind;
  readonly seed: number;
  readonly packets: number;
}

/** Rejects when the share violated a property, or took longer than `timeoutMs`. */
export async function fuzz(
  { kind, seed, packets }: Order,
  timeoutMs: number,
  breakage?: string,
): Promise<Share> {
  const broken = breakage === undefined ? [] : ['--import', breaker];
  const { stdout } = await run(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      ...memory,
      ...broken,
      worker,
      kind,
      String(seed),
      String(packets),
    ],
    {
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      env: { ...process.env, NODE_OPTIONS: '', ...(breakage === undefined ? {} : { BREAKAGE: breakage }) },
    },
  );
  return JSON.parse(stdout) as Share;
}

/** All orders, `workers` of them at a time, in order. */
export async function fuzzAll(
  orders: readonly Order[],
  workers: number,
  timeoutMs: number,
): Promise<Share[]> {
  const shares: Share[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < orders.length; index = next++) {
      shares[index] = await fuzz(orders[index] as Order, timeoutMs);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return shares;
}
