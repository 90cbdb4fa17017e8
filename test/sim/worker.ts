/** A thread's share of the schedules. */
import { parentPort, workerData } from 'node:worker_threads';
import { runSchedule } from './schedule.ts';

export interface Tally {
  schedules: number;
  events: number;
  acknowledged: number;
  hash: number;
  rules: number[];
  faults: Record<string, number>;
  violations: { seed: number; property: string; detail: string }[];
}

const maximumViolations = 1_000;

export function tally(from: number, to: number): Tally {
  const sum: Tally = {
    schedules: 0,
    events: 0,
    acknowledged: 0,
    hash: 0x811c9dc5,
    rules: [],
    faults: {},
    violations: [],
  };
  for (let seed = from; seed < to && sum.violations.length < maximumViolations; seed++) {
    const result = runSchedule(seed);
    sum.schedules++;
    sum.events += result.events;
    sum.acknowledged += result.acknowledged;
    sum.hash = Math.imul(sum.hash ^ result.hash, 0x01000193) >>> 0;
    result.rules.forEach((times, rule) => {
      sum.rules[rule] = (sum.rules[rule] ?? 0) + times;
    });
    for (const name of new Set(result.faults)) sum.faults[name] = (sum.faults[name] ?? 0) + 1;
    if (result.violation !== null) sum.violations.push({ seed, ...result.violation });
  }
  return sum;
}

if (parentPort !== null) {
  const { from, to } = workerData as { from: number; to: number };
  parentPort.postMessage(tally(from, to));
}
