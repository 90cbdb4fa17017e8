import assert from 'node:assert/strict';
import type { StackFile } from '#src/spec/schema.ts';
import type { Lab } from '#test/support/lab.ts';
import { startLoad } from '#test/support/load.ts';
import { labProcesses, type Process, processOf, sameProcess } from '#test/support/processes.ts';
import { sleep } from '#test/support/wait.ts';
import { type LabPoint, summary } from './point.ts';

interface Counts {
  /** Runs of `up` with nothing changed. */
  readonly repeats: number;
  /** Rounds of all changes, each there and back. */
  readonly rounds: number;
}

const connections = 32;
const unchangedLimitMs = 2_000;

/** The main process of every service, by HOST/SERVICE. */
async function servicesOf(lab: Lab): Promise<ReadonlyMap<string, Process>> {
  const { hosts } = await lab.status();
  return new Map(
    hosts.flatMap((host) =>
      host.services.flatMap(({ name, pid }) => {
        const process = pid === null ? undefined : processOf(pid);
        return process === undefined ? [] : [[`${host.name}/${name}`, process] as const];
      }),
    ),
  );
}

async function unchangedUp(lab: Lab): Promise<number> {
  // Programs that were called for a moment (checks) come and go by themselves.
  const before = labProcesses(lab.stack.stack, lab.hosts);
  await sleep(1_000);
  const lasting = before.filter((process) => sameProcess(process, processOf(process.pid)));
  const startedMs = performance.now();
  const output = await lab.expect('up');
  const tookMs = performance.now() - startedMs;
  assert.match(output, /unchanged|nothing (has )?changed|nothing to (do|change)/i, `up said: ${output}`);
  const gone = lasting.filter((process) => !sameProcess(process, processOf(process.pid)));
  assert.deepEqual(
    gone.map((process) => process.arguments.join(' ')),
    [],
    'up with nothing changed ended processes',
  );
  return tookMs;
}

interface Change {
  readonly what: string;
  apply(stack: StackFile): StackFile;
  /** HOST/SERVICE whose process may be another one, or come or go. */
  readonly touched: RegExp;
  /** Looks for the effect, so that a change that does nothing is seen. */
  check(lab: Lab): Promise<void>;
}

const changes: readonly Change[] = [
  {
    what: 'weight of server-1 from 2 to 3',
    apply: (stack) => ({
      ...stack,
      hosts: {
        ...stack.hosts,
        'server-1': { ...stack.hosts['server-1'], roles: serverRoles(stack), weight: 3 },
      },
    }),
    touched: /^none$/,
    async check(lab) {
      const seen: Record<string, number> = {};
      for (let request = 0; request < 40; request += 1) {
        const host = (await lab.fetch('/api/users')).headers['x-tandem-host'] ?? '';
        seen[host] = (seen[host] ?? 0) + 1;
      }
      assert.deepEqual(seen, { 'server-1': 30, 'server-2': 10 }, 'split with weights 3 and 1');
    },
  },
  {
    what: 'a HAProxy setting (serverTimeoutMs)',
    apply: (stack) => ({ ...stack, balancer: { ...stack.balancer, serverTimeoutMs: 29_123 } }),
    touched: /^none$/,
    async check(lab) {
      for (const host of ['lb-1', 'lb-2']) {
        const { stdout } = await lab.exec(host, 'grep', '-rhE', 'timeout +server', '/etc/tandem');
        assert.match(stdout, /29123|29\.123/, `HAProxy's configuration on ${host}`);
      }
    },
  },
  {
    what: 'web.instances from 2 to 3',
    apply: (stack) => ({ ...stack, web: { ...stack.web, instances: 3 } }),
    touched: /^server-[12]\/app-3$/,
    async check(lab) {
      const names = [...(await servicesOf(lab)).keys()].filter((name) => /\/app-/.test(name)).sort();
      const expected = ['server-1', 'server-2'].flatMap((host) => [1, 2, 3].map((n) => `${host}/app-${n}`));
      assert.deepEqual(names, expected, 'application processes after the change');
    },
  },
];

function serverRoles(stack: StackFile) {
  return stack.hosts['server-1']?.roles ?? [];
}

interface Seen {
  readonly change: string;
  readonly upMs: readonly number[];
  readonly requests: number;
  readonly failed: number;
}

/** There and back again under load; nothing else may be touched, no request may fail. */
async function applyUnderLoad(lab: Lab, change: Change, log: (line: string) => void): Promise<Seen> {
  const original = lab.stack;
  const upMs: number[] = [];
  const loads: { requests: number; failed: number; output: string }[] = [];
  const before = await servicesOf(lab);
  for (const stack of [change.apply(original), original]) {
    // Long enough for the slowest `up`; the load is what decides how long a run takes.
    const load = startLoad(await lab.url('/api/users'), { connections, seconds: 8 });
    await sleep(1_000);
    const startedMs = performance.now();
    await lab.write(stack);
    await lab.expect('up');
    upMs.push(Math.round(performance.now() - startedMs));
    loads.push(await load.done);
    if (stack !== original) await change.check(lab);
  }
  const after = await servicesOf(lab);
  const touched = [...new Set([...before.keys(), ...after.keys()])].filter((name) => {
    const was = before.get(name);
    return was === undefined || !sameProcess(was, after.get(name));
  });
  const tooMuch = touched.filter((name) => !change.touched.test(name));
  assert.deepEqual(tooMuch, [], `services that "${change.what}" restarted without need`);
  const requests = loads.reduce((sum, load) => sum + load.requests, 0);
  const failed = loads.reduce((sum, load) => sum + load.failed, 0);
  const seen = { change: change.what, upMs, requests, failed };
  log(JSON.stringify(seen));
  assert.ok(requests > 500, `the load was no load: ${loads[0]?.output}`);
  assert.equal(
    failed,
    0,
    `requests failed while "${change.what}" was applied: ${loads.map((l) => l.output).join('\n')}`,
  );
  return seen;
}

export const unchanged: LabPoint<Counts> = {
  kind: 'lab',
  id: 'stack-6',
  // Nearly a minute; the suite has fifteen.
  inSuite: false,
  title:
    'up with nothing changed changes nothing; a change touches only what changed, with no failed request',
  small: { repeats: 1, rounds: 1 },
  full: { repeats: 10, rounds: 10 },
  async run(lab, { counts, atMost, log }) {
    const unchangedMs: number[] = [];
    for (let repeat = 0; repeat < counts.repeats; repeat += 1) unchangedMs.push(await unchangedUp(lab));
    log(`up with nothing changed: ${JSON.stringify(summary(unchangedMs))} ms`);
    assert.ok(
      Math.max(...unchangedMs) <= atMost(unchangedLimitMs),
      `up took ${Math.max(...unchangedMs).toFixed(0)} ms`,
    );
    const seen: Seen[] = [];
    for (let round = 0; round < counts.rounds; round += 1) {
      for (const change of changes) seen.push(await applyUnderLoad(lab, change, log));
    }
    return { unchangedMs: summary(unchangedMs), connections, changes: seen };
  },
};
