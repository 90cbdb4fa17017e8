/** `fuzz-worker.ts KIND SEED PACKETS`: one share of the fuzzing, as a process of its own; its tally, in JSON, at its end. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fuzzAnswers, fuzzLogins, type Tally } from './fuzz-codec.ts';
import { fuzzClients, fuzzServers } from './fuzz-sessions.ts';

const kinds = { answers: fuzzAnswers, logins: fuzzLogins, clients: fuzzClients, servers: fuzzServers };
export type FuzzKind = keyof typeof kinds;

export interface Share extends Tally {
  readonly kind: string;
  readonly seed: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

const [, , kind = '', seed = '', packets = ''] = process.argv;
assert.ok(kind in kinds, `no kind ${kind}`);
// Thousands of errors a second are thrown here on purpose: nobody reads where.
Error.stackTraceLimit = 0;
const startedMs = performance.now();
const tally = await kinds[kind as FuzzKind](Number(seed), Number(packets));
const { userCPUTime, systemCPUTime } = process.resourceUsage();
// Not `maxRSS`: it begins with what the process had that this one was forked from (execve(2) keeps it).
const peakKiB = Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
const share: Share = {
  kind,
  seed: Number(seed),
  ...tally,
  seconds: (performance.now() - startedMs) / 1_000,
  cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
  peakMiB: Math.round(peakKiB / 1_024),
};
process.stdout.write(`${JSON.stringify(share)}\n`, () => process.exit(0));
