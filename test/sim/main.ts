/**
 * `npm run sim -- --seeds N [--seed S]`: schedules over two threads; with `--seed`, one schedule and its transcript. With
 * `--leaving`, schedules in which a member leaves the stack.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { rules } from '#src/ha/rules.ts';
import { faults } from './faults.ts';
import { runLeaving } from './leaving.ts';
import { runSchedule } from './schedule.ts';
import type { Tally } from './worker.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    threads: { type: 'string' },
    leaving: { type: 'boolean' },
  },
});

function transcript(seed: number): boolean {
  const result = runSchedule(seed, { trace: true });
  console.log(`seed ${seed}: ${result.description}`);
  for (const { time, text } of result.traces) console.log(`${String(time).padStart(7)} ms  ${text}`);
  console.log(
    `hash ${result.hash.toString(16)}, ${result.events} events, ${result.acknowledged} acknowledged writes`,
  );
  if (result.violation === null) return true;
  console.log(`VIOLATED: ${result.violation.property}: ${result.violation.detail}`);
  return false;
}

function runThread(from: number, to: number): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: { from, to },
      // Nearly everything dies young: a larger nursery is collected less often.
      resourceLimits: { maxYoungGenerationSizeMb: 64 },
    });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

async function many(first: number, count: number): Promise<boolean> {
  const threads = Number(values.threads ?? Math.min(2, availableParallelism()));
  const started = performance.now();
  const share = Math.ceil(count / threads);
  const tallies = await Promise.all(
    Array.from({ length: threads }, (_, index) =>
      runThread(first + index * share, Math.min(first + count, first + (index + 1) * share)),
    ),
  );
  const minutes = (performance.now() - started) / 60_000;
  const sum = (pick: (tally: Tally) => number): number =>
    tallies.reduce((total, tally) => total + pick(tally), 0);
  const schedules = sum((tally) => tally.schedules);
  console.log(
    `${schedules} schedules in ${(minutes * 60).toFixed(1)} s: ${Math.round(schedules / minutes)} a minute on ${threads} threads; ` +
      `${sum((t) => t.events)} events, ${sum((t) => t.acknowledged)} acknowledged writes`,
  );
  console.log('rules (times taken):');
  for (const rule of rules) {
    console.log(
      `  ${String(rule.number).padStart(3)} ${rule.name.padEnd(22)} ${sum((t) => t.rules[rule.number] ?? 0)}`,
    );
  }
  console.log('faults (schedules):');
  for (const fault of faults)
    console.log(`  ${fault.name.padEnd(30)} ${sum((t) => t.faults[fault.name] ?? 0)}`);
  const hash = tallies.reduce((all, tally) => Math.imul(all ^ tally.hash, 0x01000193) >>> 0, 0x811c9dc5);
  console.log(`hash ${hash.toString(16).padStart(8, '0')}`);
  const violations = tallies.flatMap((tally) => tally.violations).sort((a, b) => a.seed - b.seed);
  for (const { seed, property, detail } of violations.slice(0, 20))
    console.log(`seed ${seed}: ${property}: ${detail}`);
  if (violations.length > 0)
    console.log(`${violations.length} schedules violated a property; the first in full:`);
  const worst = violations[0];
  if (worst !== undefined) transcript(worst.seed);
  return violations.length === 0;
}

function leaving(first: number, count: number): boolean {
  const started = performance.now();
  const violations: string[] = [];
  let acknowledged = 0;
  for (let seed = first; seed < first + count; seed++) {
    const result = runLeaving(seed, { trace: values.seed !== undefined });
    acknowledged += result.acknowledged;
    for (const { time, text } of result.traces ?? []) console.log(`${String(time).padStart(7)} ms  ${text}`);
    if (result.violation !== null)
      violations.push(`seed ${seed}: ${result.violation.property}: ${result.violation.detail}`);
  }
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  console.log(
    `${count} schedules in ${seconds} s, ${acknowledged} acknowledged writes; ${violations.length} violated a property`,
  );
  for (const line of violations.slice(0, 20)) console.log(line);
  return violations.length === 0;
}

const from = Number(values.from);
const whole = values.seed === undefined;
const clean = values.leaving
  ? leaving(whole ? from : Number(values.seed), whole ? Number(values.seeds) : 1)
  : values.seed === undefined
    ? await many(Number(values.from), Number(values.seeds))
    : transcript(Number(values.seed));
process.exitCode = clean ? 0 : 1;
