import assert from 'node:assert/strict';
import { routerControlSocket } from '#src/render/router.ts';
import type { StackFile } from '#src/spec/schema.ts';
import type { Lab } from '#test/support/lab.ts';
import { Ledger } from '#test/support/ledger/ledger.ts';
import { ledgerNow } from '#test/support/ledger/records.ts';
import { Prober } from '#test/support/prober.ts';
import { descendants, signal } from '#test/support/processes.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import { type OwnPoint, summary, withLab } from './point.ts';

interface Counts {
  readonly kills: number;
  readonly reloads: number;
  readonly workerKills: number;
  readonly crossKills: number;
}

const backLimitMs = 1_000;
const webHosts = ['server-1', 'server-2'];
/** Of one host's writers. */
const writers = 4;
const apartMs = 5_000;
const none = { refused: 0, unknown: 0 };

export const routerKilled: OwnPoint<Counts> = {
  kind: 'own',
  id: 'router-8',
  title:
    'A router killed, a worker killed, a rolling restart: back within 1 s, others unaffected, no GET fails; KILL across hosts',
  inSuite: false,
  small: { kills: 2, reloads: 2, workerKills: 2, crossKills: 4 },
  full: { kills: 20, reloads: 10, workerKills: 20, crossKills: 100 },
  run: (place, { counts, log }) =>
    withLab(place, async (lab) => {
      const ledger = await Ledger.create(lab, 'router');
      try {
        await ledger.write(['server-2'], writers);
        const killed = await unfailing(lab, () => killRouters(lab, ledger, counts.kills, log));
        const restarted = await unfailing(lab, () => restartRolling(lab, ledger, counts.reloads, log));
        const workers = await unfailing(lab, () => killWorkers(lab, ledger, counts.workerKills, log));
        const acrossHosts = await killAcross(ledger, counts.crossKills);
        await lab.healthy();
        await ledger.check(webHosts);
        const seen = { killed, restarted, workers, acrossHosts };
        log(JSON.stringify(seen));
        for (const [what, { lateMs }] of Object.entries({ router: killed, worker: workers }))
          assert.equal(lateMs.length, 0, `${what} killed: back after ${lateMs.join(', ')} ms`);
        return seen;
      } finally {
        await ledger.stop();
      }
    }),
};

/** While `work` goes on no GET fails at the floating address. */
async function unfailing<T extends object>(
  lab: Lab,
  work: () => Promise<T>,
): Promise<T & { readonly requests: number; readonly failed: number }> {
  using prober = new Prober().start(await lab.url('/api/users'), await lab.ca(), { timeoutMs: 5_000 });
  await sleep(500);
  const result = await work();
  const { failed, probes } = await prober.stop();
  const errors = [...new Set(failed.map(({ error }) => error))];
  assert.equal(failed.length, 0, `${failed.length} of ${probes.length} GETs failed: ${errors.join('; ')}`);
  return { ...result, requests: probes.length, failed: 0 };
}

/** The clients of server-2's router notice nothing while `work` is done to server-1's. */
async function unaffected<T>(ledger: Ledger, work: () => Promise<T>): Promise<T> {
  const from = ledgerNow();
  const result = await work();
  const errors = ledger.errors(from, ledgerNow());
  assert.deepEqual(errors, { autocommit: none, transaction: none }, 'the other router noticed');
  return result;
}

/** Judged at the very end: what else a late return would hide is looked at first. */
function returns(backMs: readonly number[]) {
  return {
    count: backMs.length,
    backMs: summary(backMs),
    lateMs: backMs.filter((each) => each > backLimitMs).map(Math.round),
  };
}

function killRouters(lab: Lab, ledger: Ledger, kills: number, log: (line: string) => void) {
  return unaffected(ledger, async () => {
    const backMs: number[] = [];
    for (let kill = 0; kill < kills; kill += 1) {
      const pid = await lab.pid('server-1', 'router');
      signal(pid, 'SIGKILL');
      const startedMs = performance.now();
      // Serving again: a statement through the new one's socket. A client that is let in early waits for its greeting.
      await waitFor('the router', () => ledger.answersOn('server-1', 5_000), 10_000, 20);
      backMs.push(performance.now() - startedMs);
      log(`killed: back after ${Math.round(backMs.at(-1) ?? 0)} ms`);
      // Each by itself: one that ends again and again is started with a pause.
      await sleep(apartMs);
    }
    return returns(backMs);
  });
}

interface RouterStatus {
  readonly workers: readonly { readonly draining: boolean }[];
  readonly reloads: number;
  readonly drained: { readonly ended: number; readonly cut: number };
}

async function statusOf(lab: Lab, host: string): Promise<RouterStatus> {
  const url = 'http://router/status';
  const { stdout, stderr, code } = await lab.exec(
    host,
    'curl',
    '-sS',
    '--unix-socket',
    routerControlSocket,
    url,
  );
  if (code !== 0) throw new Error(`the router of ${host}: ${stderr}`);
  return JSON.parse(stdout) as RouterStatus;
}

/** Another setting in the stack file each time, the number of workers among them; the last one is two. */
function changed(stack: StackFile, reload: number): StackFile {
  const router = { workers: 2 - (reload % 2), slowStatementMs: 2_000 + reload, drainTimeoutMs: 2_000 };
  return { ...stack, database: { ...stack.database, router } };
}

/** Old workers go within their drainTimeoutMs. */
async function drained(lab: Lab, host: string, workers: number): Promise<void> {
  const done = async () => {
    const status = await statusOf(lab, host);
    return status.workers.length === workers && status.workers.every(({ draining }) => !draining);
  };
  await waitFor(`the old workers' end on ${host}`, done, 20_000);
}

async function restartRolling(lab: Lab, ledger: Ledger, reloads: number, log: (line: string) => void) {
  const pids = await Promise.all(webHosts.map((host) => lab.pid(host, 'router')));
  const from = ledgerNow();
  let connects = 0;
  for (let reload = reloads - 1; reload >= 0; reload -= 1) {
    await lab.write(changed(lab.stack, reload));
    let up = false;
    const knocking = knockUntil(ledger, () => up);
    try {
      await lab.expect('up');
      for (const host of webHosts) await drained(lab, host, 2 - (reload % 2));
    } finally {
      up = true;
    }
    const { count, failed } = await knocking;
    assert.deepEqual(failed, [], 'clients were not served during the restart');
    connects += count;
    log(`restarted with ${2 - (reload % 2)} workers each`);
  }
  const now = await Promise.all(webHosts.map((host) => lab.pid(host, 'router')));
  assert.deepEqual(now, pids, 'a changed setting is a reload, not a restart');
  const { autocommit, transaction } = ledger.errors(from, ledgerNow());
  const broken = autocommit.unknown + transaction.unknown;
  const refused = ledger.records.filter(({ outcome, doneAt }) => outcome === 'refused' && doneAt >= from);
  const reasons = refused.map(({ reason }) => reason);
  assert.deepEqual(reasons, [], 'writes were refused');
  // A writer's session ends once with each of its router's restarts, and it can't tell that from a loss.
  assert.ok(broken <= writers * reloads, `${broken} writes of ${writers} writers were broken off`);
  const statuses = await Promise.all(webHosts.map((host) => statusOf(lab, host)));
  for (const status of statuses) assert.equal(status.reloads, reloads);
  return {
    count: reloads,
    connectsFailed: 0,
    connects,
    drained: statuses.map(({ drained }) => drained),
  };
}

/** Connects and asks on both hosts again and again; what failed. */
async function knockUntil(ledger: Ledger, over: () => boolean): Promise<Knocks> {
  const failed: string[] = [];
  let count = 0;
  for (; !over(); count += webHosts.length) {
    const all = await Promise.allSettled(webHosts.map((host) => ledger.answersOn(host, 10_000)));
    for (const one of all) if (one.status === 'rejected') failed.push(String(one.reason));
    await sleep(5);
  }
  return { count, failed };
}

interface Knocks {
  readonly count: number;
  readonly failed: readonly string[];
}

function killWorkers(lab: Lab, ledger: Ledger, kills: number, log: (line: string) => void) {
  return unaffected(ledger, async () => {
    const backMs: number[] = [];
    const main = await lab.pid('server-1', 'router');
    const workers = () => descendants(main).filter((pid) => pid !== main);
    for (let kill = 0; kill < kills; kill += 1) {
      const before = workers();
      assert.equal(before.length, 2);
      const victim = before[kill % before.length] ?? 0;
      signal(victim, 'SIGKILL');
      const startedMs = performance.now();
      // Clients are taken all the time: by the other worker, and by the new one as soon as it is there.
      // One that was on its way to the victim is closed, and connects again.
      await waitFor('a client served', () => ledger.answersOn('server-1', 5_000), 10_000, 5);
      const takenMs = performance.now() - startedMs;
      await waitFor('the new worker', () => workers().some((pid) => !before.includes(pid)), 10_000, 10);
      backMs.push(performance.now() - startedMs);
      await waitFor(
        'two workers',
        async () => (await statusOf(lab, 'server-1')).workers.length === 2,
        10_000,
      );
      log(
        `worker killed: a client served after ${Math.round(takenMs)} ms, replaced after ${Math.round(backMs.at(-1) ?? 0)} ms`,
      );
      await sleep(500);
    }
    assert.equal(await lab.pid('server-1', 'router'), main);
    return returns(backMs);
  });
}

/** A statement, then its session, each time from the other host. */
async function killAcross(ledger: Ledger, count: number) {
  let killed = 0;
  for (let turn = 0; turn < count; turn += 1) {
    const [from, to] = turn % 2 === 0 ? ['server-1', 'server-2'] : ['server-2', 'server-1'];
    const victim = await ledger.connectOn(to ?? '');
    const killer = await ledger.connectOn(from ?? '');
    try {
      const sleeping = victim.query('SELECT SLEEP(30)').then(
        ([rows]) => JSON.stringify(rows),
        (error: { errno?: number }) => error.errno,
      );
      await sleep(50);
      await killer.query(`KILL QUERY ${victim.threadId}`);
      const outcome = await sleeping;
      assert.ok(outcome === '[{"SLEEP(30)":1}]' || outcome === 1_317, `the statement: ${outcome}`);
      const gone = new Promise((resolve) => victim.on('error', resolve));
      await killer.query(`KILL ${victim.threadId}`);
      await gone;
      await assert.rejects(killer.query(`KILL ${victim.threadId}`), { errno: 1_094 });
      killed += 1;
    } finally {
      victim.destroy();
      killer.destroy();
    }
  }
  return { killed };
}
