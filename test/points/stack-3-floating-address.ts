import assert from 'node:assert/strict';
import type { Lab } from '#test/support/lab.ts';
import { links } from '#test/support/namespaces.ts';
import { Prober } from '#test/support/prober.ts';
import { signal } from '#test/support/processes.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import { type LabPoint, summary } from './point.ts';

interface Counts {
  readonly runs: number;
}

interface FaultCase {
  /** Largest time without a successful answer. */
  readonly limitMs: number;
  /** Whether the fault lasts, so that lb-2 must hold the address before it is healed. */
  readonly lasts: boolean;
  /** Whether lb-1 can be reached while it still holds the address, so that two holders do harm. */
  readonly reachable: boolean;
  inject(lab: Lab): Promise<void>;
}

const active = 'lb-1';
const passive = 'lb-2';

const kill = async (lab: Lab, service: string) => signal(await lab.pid(active, service), 'SIGKILL');
const freeze = (lab: Lab, service: string) => lab.signalService(active, service, 'SIGSTOP');

/** A frozen program has to be noticed by its silence, so its limit is wider than that of a link or a death. */
const cases: Readonly<Record<string, FaultCase>> = {
  'link down': {
    limitMs: 600,
    lasts: true,
    reachable: false,
    inject: (lab) => lab.fault('link-down', active),
  },
  'haproxy killed': { limitMs: 600, lasts: false, reachable: true, inject: (lab) => kill(lab, 'haproxy') },
  'haproxy stopped': {
    limitMs: 2_000,
    lasts: true,
    reachable: true,
    inject: (lab) => freeze(lab, 'haproxy'),
  },
  'keepalived killed': {
    limitMs: 600,
    lasts: false,
    reachable: true,
    inject: (lab) => kill(lab, 'keepalived'),
  },
  'keepalived stopped': {
    limitMs: 1_500,
    lasts: false,
    reachable: true,
    inject: (lab) => freeze(lab, 'keepalived'),
  },
};

/** Which balancers hold the floating address, as their own kernels say. */
async function holders(lab: Lab, address: string): Promise<readonly string[]> {
  const found = await Promise.all(
    [active, passive].map(async (host) => {
      const held = (await links(lab.namespace(host))).flatMap((link) => link.addr_info);
      return held.some(({ local }) => local === address) ? [host] : [];
    }),
  );
  return found.flat();
}

interface Watched {
  readonly gapMs: number;
  /** Longest time in which both balancers held the address. */
  readonly bothMs: number;
  readonly movedToPassive: boolean;
}

async function runCase(lab: Lab, name: string, fault: FaultCase): Promise<Watched> {
  const { address } = (await lab.status()).site;
  const isHome = async () => (await holders(lab, address)).join() === active;
  await waitFor(`${active} alone to hold the address before "${name}"`, isHome, 15_000);
  await waitFor('the site to answer', async () => (await lab.fetch('/api/users')).status === 200, 10_000);
  // A restart in place must not count as one more crash of the run before.
  await sleep(1_000);
  using prober = new Prober().start(await lab.url('/api/users'), await lab.ca(), { timeoutMs: 1_500 });
  await sleep(500);
  await fault.inject(lab);
  const until = performance.now() + 2_500;
  let bothMs = 0;
  let bothSince: number | undefined;
  let last: readonly string[] = [];
  let movedToPassive = false;
  while (performance.now() < until) {
    last = await holders(lab, address);
    movedToPassive ||= last.includes(passive);
    if (last.length < 2) bothSince = undefined;
    else {
      bothSince ??= performance.now();
      bothMs = Math.max(bothMs, performance.now() - bothSince);
    }
    await sleep(10);
  }
  if (fault.lasts) assert.ok(last.includes(passive), `${name}: ${passive} does not hold the address`);
  await lab.fault('link-up', active);
  await lab.fault('thaw', active);
  await sleep(1_500);
  const report = await prober.stop();
  return { gapMs: report.largestGapMs, bothMs, movedToPassive };
}

export const floatingAddress: LabPoint<Counts> = {
  kind: 'lab',
  id: 'stack-3',
  title: 'The site answers through lb-2 when lb-1 loses its link, its HAProxy or its keepalived',
  small: { runs: 1 },
  full: { runs: 20 },
  async run(lab, { counts, atMost, log }) {
    const table: Record<string, unknown> = {};
    const failures: string[] = [];
    for (const [name, fault] of Object.entries(cases)) {
      const runs: Watched[] = [];
      for (let run = 0; run < counts.runs; run += 1) runs.push(await runCase(lab, name, fault));
      const gaps = runs.map(({ gapMs }) => gapMs);
      const both = runs.map(({ bothMs }) => bothMs);
      table[name] = {
        gapMs: summary(gaps),
        limitMs: fault.limitMs,
        movedToPassive: runs.filter(({ movedToPassive }) => movedToPassive).length,
        bothHoldMs: summary(both),
      };
      log(`${name}: ${JSON.stringify(table[name])}`);
      if (Math.max(...gaps) > atMost(fault.limitMs)) {
        failures.push(
          `${name}: ${Math.max(...gaps).toFixed(0)} ms without an answer, at most ${fault.limitMs}`,
        );
      }
      if (fault.reachable && Math.max(...both) > atMost(1_000)) {
        failures.push(`${name}: both balancers held the address for ${Math.max(...both).toFixed(0)} ms`);
      }
    }
    const { site } = await lab.status();
    const home = async () => (await holders(lab, site.address)).join() === active;
    await waitFor(`${active} to hold the address again`, home, 15_000);
    assert.deepEqual(failures, [], JSON.stringify(table));
    return { cases: table };
  },
};
