import assert from 'node:assert/strict';
import type { Lab } from '#test/support/lab.ts';
import { Prober } from '#test/support/prober.ts';
import {
  ageSeconds,
  type HostProcess,
  label,
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

/** What a process is, whatever its host and number: the program and what tells its processes apart. */
function kindOf(process: HostProcess): string {
  return label(process)
    .replace(/\b(app|server|lb)-\d+\b/g, '$1-N')
    .replace(/\d+(\.\d+){3}/g, 'ADDRESS');
}

interface Outage {
  readonly process: string;
  readonly host: string;
  readonly service: string;
  readonly backMs: number;
  readonly failed: number;
  readonly gapMs: number;
}

/** By pid: which service of a host a process belongs to; 'supervisor' for what belongs to none. */
async function serviceOf(lab: Lab, process: HostProcess): Promise<string> {
  const { hosts } = await lab.status();
  const services = hosts.find(({ name }) => name === process.host)?.services ?? [];
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

/** Resolves when as many processes of this kind run on the host again, and all its sockets are listened on. */
async function waitUntilBack(lab: Lab, killed: HostProcess, sockets: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const kind = kindOf(killed);
  const isBack = async () => {
    const successor = lab
      .processes()
      .some((own) => own.host === killed.host && kindOf(own) === kind && own.startTicks > killed.startTicks);
    if (!successor) return 'no process of this kind yet';
    if (killed.host === '') return true;
    const now = new Set(await listeners(lab.namespace(killed.host)));
    const missing = sockets.filter((socket) => !now.has(socket));
    return missing.length === 0 ? true : `not listening: ${missing.join(', ')}`;
  };
  let last: unknown;
  await waitFor(
    `${label(killed)} on ${killed.host}`,
    async () => {
      last = await isBack();
      return last === true;
    },
    15_000,
    10,
  ).catch((error: Error) => {
    throw new Error(`${error.message} (${String(last)})`);
  });
  return Math.round(performance.now() - startedMs);
}

/**
 * Whether its tier has no second member for reads: one balancer holds the address (point 3 has that limit), and
 * database servers have no failover yet.
 */
function mayFail(outage: Outage, active: string | null): boolean {
  if (outage.service === 'mariadb') return true;
  return outage.host === active && ['haproxy', 'keepalived'].includes(outage.service);
}

async function killOne(lab: Lab, process: HostProcess): Promise<Outage> {
  const service = await serviceOf(lab, process);
  const sockets = process.host === '' ? [] : await listeners(lab.namespace(process.host));
  const others =
    service === 'supervisor' ? (await lastingProcesses(lab)).filter((own) => own.pid !== process.pid) : [];
  const prober = new Prober().start(await lab.url('/api/users'), await lab.ca(), { timeoutMs: 5_000 });
  await sleep(300);
  signal(process.pid, 'SIGKILL');
  const backMs = await waitUntilBack(lab, process, sockets);
  await sleep(service === 'supervisor' ? 1_500 : 700);
  const report = await prober.stop();
  const lost = others.filter((own) => !sameProcess(own, processOf(own.pid)));
  assert.deepEqual(lost.map(label), [], `ended with ${label(process)} on ${process.host}`);
  const { failed, largestGapMs } = report;
  const gapMs = Math.round(largestGapMs);
  return { process: label(process), host: process.host, service, backMs, failed: failed.length, gapMs };
}

function chosen(all: readonly HostProcess[], ofEachKind: number): readonly HostProcess[] {
  const kinds = Map.groupBy(all, kindOf);
  return [...kinds.values()].flatMap((same) => same.slice(-ofEachKind));
}

/** Every failure of a run is worth knowing, so they are collected. */
function judge(outage: Outage, active: string | null): readonly string[] {
  const who = `${outage.service} on ${outage.host} (${outage.process})`;
  const failures: string[] = [];
  if (outage.backMs > backLimitMs) failures.push(`${who} was back after ${outage.backMs} ms`);
  if (outage.failed > 0 && !mayFail(outage, active))
    failures.push(`${outage.failed} GETs failed with ${who}`);
  if (outage.host === active && outage.service !== 'mariadb' && outage.gapMs > 600) {
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
  async run(lab, { counts, log }) {
    const outages: Outage[] = [];
    const failures: string[] = [];
    for (const process of chosen(await lastingProcesses(lab), counts.ofEachKind)) {
      // An earlier kill may have taken it along (workers of a master).
      if (!sameProcess(process, processOf(process.pid))) continue;
      const outage = await killOne(lab, process);
      outages.push(outage);
      const { balancer } = await waitFor(
        `a healthy stack after ${outage.process} on ${outage.host}`,
        async () => {
          const status = await lab.status();
          return status.healthy && status;
        },
        20_000,
      );
      const found = judge(outage, balancer.active);
      failures.push(...found);
      log(
        `${outage.host} ${outage.service}: back ${outage.backMs} ms, failed ${outage.failed}, gap ${outage.gapMs} ms`,
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
