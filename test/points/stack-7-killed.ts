import assert from 'node:assert/strict';
import type { Lab, Status } from '#test/support/lab.ts';
import { Prober } from '#test/support/prober.ts';
import {
  ageSeconds,
  type HostProcess,
  label,
  type Process,
  processOf,
  sameProcess,
  signal,
} from '#test/support/processes.ts';
import { listeners } from '#test/support/sockets.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import { type LabPoint, summary } from './point.ts';

interface Counts {
  /** Processes of the same kind that are killed; the rest of that kind is left out. */
  readonly ofEachKind: number;
}

const backLimitMs = 1_000;

/** What a process is, whatever its host and number: its command line without what a reload adds to it. */
function textOf(process: Process): string {
  return label(process)
    .replace(/ -sf( \d+)+| -x \S+/g, '')
    .replace(/\d+/g, 'N');
}

/** Workers of HAProxy and keepalived have their master's command line. */
function kindOf(process: HostProcess): string {
  const parent = processOf(process.parent);
  const isWorker = parent !== undefined && textOf(parent) === textOf(process);
  return isWorker ? `${textOf(process)} (worker)` : textOf(process);
}

interface Outage {
  readonly process: string;
  readonly host: string;
  readonly service: string;
  readonly backMs: number;
  readonly failed: number;
  readonly errors: readonly string[];
  readonly gapMs: number;
}

/** Which service of a host a process belongs to; 'supervisor' for what belongs to none. */
function serviceOf(status: Status, process: HostProcess): string {
  const services = status.hosts.find(({ name }) => name === process.host)?.services ?? [];
  for (let at = processOf(process.pid); at !== undefined && at.pid > 1; at = processOf(at.parent)) {
    const pid = at.pid;
    const found = services.find((service) => service.pid === pid);
    if (found !== undefined) return found.name;
  }
  return 'supervisor';
}

/** Processes that stay: what a check called for a moment is none of the lab's. */
async function lastingProcesses(lab: Lab): Promise<readonly HostProcess[]> {
  const first = lab.processes();
  await sleep(1_500);
  return first.filter((process) => sameProcess(process, processOf(process.pid)) && ageSeconds(process) > 2);
}

/** Processes of a host that have this command line, as `PID TEXT`. */
function alike(lab: Lab, host: string, text: string): ReadonlySet<string> {
  const own = lab.processes().filter((process) => process.host === host && textOf(process) === text);
  return new Set(own.map((process) => `${process.pid} ${text}`));
}

/** Kills; resolves when as many processes of this kind run on the host again, and all its sockets are listened on. */
async function killAndWait(lab: Lab, process: HostProcess): Promise<number> {
  const { host } = process;
  const text = textOf(process);
  const sockets = await listeners(lab.namespace(host));
  const before = alike(lab, host, text);
  signal(process.pid, 'SIGKILL');
  const startedMs = performance.now();
  await waitFor(
    `${label(process)} on ${host}`,
    async () => {
      const now = alike(lab, host, text);
      // A worker that outlives its master is no successor of it.
      const isNew = [...now].some((known) => !before.has(known));
      if (!isNew || now.size < before.size) throw new Error(`${now.size} of ${before.size} processes`);
      const open = new Set(await listeners(lab.namespace(host)));
      const missing = sockets.filter((socket) => !open.has(socket));
      if (missing.length > 0) throw new Error(`nobody listens on ${missing.join(', ')}`);
      return true;
    },
    15_000,
    10,
  );
  return Math.round(performance.now() - startedMs);
}

/** Whether its tier has no second member for reads: one balancer holds the address, and point 3 has that limit. */
function mayFail(outage: Outage, active: string | null): boolean {
  return outage.host === active && ['haproxy', 'keepalived'].includes(outage.service);
}

async function killOne(lab: Lab, status: Status, process: HostProcess): Promise<Outage> {
  const service = serviceOf(status, process);
  const others = service === 'supervisor' ? await lastingProcesses(lab) : [];
  using prober = new Prober().start(await lab.url('/api/users'), await lab.ca(), { timeoutMs: 5_000 });
  await sleep(300);
  const backMs = await killAndWait(lab, process);
  await sleep(service === 'supervisor' ? 1_500 : 700);
  const report = await prober.stop();
  const lost = others.filter((own) => own.pid !== process.pid && !sameProcess(own, processOf(own.pid)));
  assert.deepEqual(lost.map(label), [], `ended with ${label(process)} on ${process.host}`);
  const { failed, largestGapMs } = report;
  const errors = [...new Set(failed.map(({ error }) => error))];
  const gapMs = Math.round(largestGapMs);
  const { host } = process;
  return { process: label(process), host, service, backMs, failed: failed.length, errors, gapMs };
}

function chosen(all: readonly HostProcess[], ofEachKind: number): readonly HostProcess[] {
  // The youngest first: workers before the master whose end would take them along.
  const kinds = Map.groupBy(
    all.toSorted((left, right) => right.pid - left.pid),
    kindOf,
  );
  return [...kinds.values()].flatMap((same) => same.slice(-ofEachKind));
}

/** Every failure of a run is worth knowing, so they are collected. */
function judge(outage: Outage, active: string | null, atMost: (goalMs: number) => number): readonly string[] {
  const who = `${outage.service} on ${outage.host} (${outage.process})`;
  const failures: string[] = [];
  if (outage.backMs > atMost(backLimitMs)) failures.push(`${who} was back after ${outage.backMs} ms`);
  if (outage.failed > 0 && !mayFail(outage, active))
    failures.push(`${outage.failed} GETs failed with ${who}: ${outage.errors.join('; ')}`);
  if (outage.host === active && outage.service !== 'mariadb' && outage.gapMs > atMost(600)) {
    failures.push(`${outage.gapMs} ms without an answer with ${who}`);
  }
  return failures;
}

export const killed: LabPoint<Counts> = {
  kind: 'lab',
  id: 'stack-7',
  title: 'kill -9 of any one process: back within 1 s, no failed GET where the tier has a second member',
  small: { ofEachKind: 1 },
  full: { ofEachKind: 1_000 },
  async run(lab, { counts, atMost, log }) {
    const outages: Outage[] = [];
    const failures: string[] = [];
    for (const process of chosen(await lastingProcesses(lab), counts.ofEachKind)) {
      // An earlier kill may have taken it along (a master and its workers).
      if (!sameProcess(process, processOf(process.pid))) continue;
      // What the kill before has broken must be whole again, or two faults would be judged as one.
      const before = await lab.healthy();
      const outage = await killOne(lab, before, process);
      outages.push(outage);
      failures.push(...judge(outage, before.balancer.active, atMost));
      const { host, service, backMs, failed, gapMs } = outage;
      log(
        `${host} ${service} ${outage.process.slice(0, 40)}: back ${backMs} ms, failed ${failed}, gap ${gapMs} ms`,
      );
    }
    assert.deepEqual(failures, []);
    return {
      kills: outages.length,
      backMs: summary(outages.map(({ backMs }) => backMs)),
      outages,
    };
  },
};
