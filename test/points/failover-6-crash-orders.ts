import assert from 'node:assert/strict';
import type { StackFile } from '#src/spec/schema.ts';
import { allOrders } from '#test/sim/crash-orders.ts';
import { seeded } from '#test/sim/random.ts';
import type { Lab } from '#test/support/lab.ts';
import { HeldDown } from '#test/support/ledger/held-down.ts';
import { Ledger } from '#test/support/ledger/ledger.ts';
import { ledgerNow } from '#test/support/ledger/records.ts';
import { threeMembers, whatAgentsDid, withThreeMembers } from '#test/support/ledger/strike.ts';
import { sleep } from '#test/support/wait.ts';
import { type Evidence, type OwnPoint, type Place, withLab } from './point.ts';

interface Counts {
  /** Sampled ones, over two and over three members each; the issue's own two come before them. */
  readonly orders: number;
}

const steps = 4;
const seed = 20;
/** A standby that is gone is waited for this long before writes go on without it: the default, made shorter. */
const degradeAfterMs = 1_500;
/** Longer than any decision takes: what has not happened by then waits for a member that is down. */
const settleMs = 6_000;

interface Step {
  /** One letter per member: M primary, S replica, X down. */
  readonly picture: string;
  /** Why nobody leads. */
  readonly reason?: string;
}

function stackOf(members: readonly string[]) {
  return (stack: StackFile): StackFile => {
    const { database, ...rest } = members.length === 3 ? withThreeMembers(stack) : stack;
    const failover = { stableAfterMs: 1_000, free: 100, holdMs: 0 };
    return { ...rest, database: { ...database, degradeAfterMs, failover } };
  };
}

/** After a step: a primary that writes and has every acknowledged write, or none, and the reason. */
async function judge(
  lab: Lab,
  ledger: Ledger,
  members: readonly string[],
  down: ReadonlySet<string>,
): Promise<Step> {
  const from = ledgerNow();
  const writes = await ledger.untilAcknowledged(from, settleMs).then(
    () => true,
    () => false,
  );
  const { database } = await lab.status();
  const picture = members
    .map((host) => (down.has(host) ? 'X' : database.primary === host ? 'M' : 'S'))
    .join('');
  if (writes) {
    const primary = database.primary ?? '';
    assert.ok(members.includes(primary), `${picture}: writes are acknowledged, and status names no primary`);
    const missing = await ledger.missingOn(primary);
    assert.equal(missing.length, 0, `${picture}: ${primary} lacks ${missing.slice(0, 3)}`);
    return { picture };
  }
  if (down.size === members.length) return { picture, reason: 'all members are down' };
  const { possible, reason } = database.failover;
  assert.ok(
    !possible && reason !== '',
    `${picture}: nobody takes writes, and no reason is given: ${JSON.stringify(database)}`,
  );
  return { picture, reason };
}

async function runOrder(
  lab: Lab,
  order: readonly number[],
  members: readonly string[],
  log: (line: string) => void,
): Promise<readonly Step[]> {
  const ledger = await Ledger.create(lab);
  const down = new Map<string, HeldDown>();
  const seen: Step[] = [];
  try {
    await ledger.write(['server-1'], 4, 10);
    await sleep(500);
    for (const index of order) {
      const host = members[index] ?? '';
      const held = down.get(host);
      if (held === undefined) down.set(host, await HeldDown.begin(lab, host, ['mariadb', 'agent']));
      else {
        down.delete(host);
        await held.end();
      }
      // Long enough for a lease to end, and for a standby to be given up.
      await sleep(3_000);
      seen.push(await judge(lab, ledger, members, new Set(down.keys())));
    }
    for (const held of down.values()) await held.end();
    down.clear();
    await lab.healthy(60_000);
    await ledger.check(members);
  } finally {
    for (const held of down.values()) await held.end();
    await ledger.stop();
  }
  log(`${order.join(' ')}: ${seen.map(({ picture }) => picture).join(' → ')}`);
  return seen;
}

/** The issue's own orders first, then some of all. */
function sample(members: number, count: number): readonly (readonly number[])[] {
  const random = seeded(seed + members);
  const issues = [0, 1, 0, 1];
  const others = allOrders(members, steps).filter((order) => order.join() !== issues.join());
  const drawn: (readonly number[])[] = [];
  while (drawn.length < Math.min(count, others.length)) {
    const order = random.pick(others);
    if (!drawn.includes(order)) drawn.push(order);
  }
  return [issues, ...drawn];
}

async function runAll(
  place: Place,
  members: readonly string[],
  counts: Counts,
  log: (line: string) => void,
): Promise<Evidence> {
  return withLab(
    place,
    async (lab) => {
      const seen: Record<string, readonly string[]> = {};
      for (const order of sample(members.length, counts.orders)) {
        const startedAt = new Date().toISOString();
        const result = await runOrder(lab, order, members, log).catch(async (error: unknown) => {
          log(`${order.join(' ')}: ${await whatAgentsDid(lab, startedAt)}`);
          throw error;
        });
        seen[order.join(' ')] = result.map(({ picture, reason }) =>
          reason === undefined ? picture : `${picture} (${reason})`,
        );
      }
      return seen;
    },
    stackOf(members),
  );
}

export const crashOrders: OwnPoint<Counts> = {
  kind: 'own',
  id: 'failover-6',
  title:
    'Members stop and start in any order: after each step a primary with every acknowledged write, or none and why',
  inSuite: false,
  small: { orders: 0 },
  full: { orders: 6 },
  async run(place, { counts, log }) {
    const two = await runAll(place, threeMembers.slice(0, 2), counts, log);
    const three = await runAll(place, threeMembers, counts, log);
    return { seed, two, three };
  },
};
