/**
 * Around each host of a rolling change: replicas before the primary, whose role moves away first; the balancer with the
 * floating address last, and a web host out of service, where the change would be noticed otherwise; and nothing goes on before
 * the stack is healthy.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { askAgent } from '#src/adapters/agent-client.ts';
import {
  disturbsAddress,
  disturbsRequests,
  restartsAgent,
  restartsDatabase,
  restartsQuorum,
  rollingOrder,
} from '#src/plan/rolling.ts';
import type { Role } from '#src/spec/schema/hosts.ts';
import { hostsWithRole } from '#src/spec/spec.ts';
import { clause, TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { Balancers } from './application/balancers.ts';
import { HostApplication } from './application/host.ts';
import { putIn, takeOut, type WebHostChange } from './application/web-host.ts';
import type { Gates, PlannedHost } from './apply.ts';
import { FloatingAddress } from './floating-address.ts';
import { readStatus, type StackAccess, subjectOf, waitHealthy } from './health.ts';
import { detailOf } from './operator-api.ts';
import { memberReady } from './quorum-member.ts';

const healthyTimeoutMs = 120_000;
/** Beside the wait for open transactions. */
const handoverMs = 30_000;
const lookMs = 200;

/** What was taken off the host that is being changed. */
interface Taken {
  /** Out of service at these. */
  change?: WebHostChange;
  standsBack?: boolean;
}

export function gatesOf(access: StackAccess, reporter: Reporter): Gates {
  const { spec } = access;
  const floating = new FloatingAddress(access, reporter);
  // What ails already is not this change's doing: an `up` that was killed half-way is finished by the next one.
  let known: ReadonlySet<string> = new Set();
  let taken: Taken = {};
  const isIn = ({ driver }: PlannedHost, role: Role) =>
    hostsWithRole(spec, role).find(({ name }) => name === driver.host);
  /** What a host gives up it hands over when all others know that (growth/database.ts), and not before. */
  const leaves = (host: PlannedHost, role: Role) =>
    isIn(host, role)?.transit?.leaving.includes(role) === true;
  /** One that was not well before may go on like that. */
  const backIn = async (change: WebHostChange, { driver }: PlannedHost) => {
    if (!known.has(driver.host)) return putIn(change, new HostApplication(driver));
    await change.balancers.restore(driver.host, 0).catch(() => undefined);
  };
  return {
    order: async (hosts) => {
      const { problems, database, balancer } = await readStatus(access);
      known = new Set(problems.map(subjectOf));
      return rollingOrder(hosts, { primary: database.primary, balancer: balancer.active });
    },
    before: async (host) => {
      taken = {};
      const change = { access, reporter, known };
      if (restartsDatabase(host.plan)) await movePrimary(change, host.driver.host);
      else if (restartsAgent(host.plan) && !leaves(host, 'database')) {
        await tryToMovePrimary(change, host.driver.host);
      }
      const balancer = isIn(host, 'balancer');
      if (balancer !== undefined && disturbsAddress(host.plan)) {
        taken.standsBack = true;
        await floating.moveAway(balancer);
      }
      if (isIn(host, 'web') === undefined || !disturbsRequests(host.plan)) return;
      const balancers = await openBalancers(access, host, reporter);
      if (balancers === undefined) return;
      taken.change = { spec, reporter, balancers };
      if ((await takeOut(taken.change, host.driver.host)) === 'alone') delete taken.change;
    },
    after: async (host) => {
      const member = isIn(host, 'quorum');
      if (member !== undefined && restartsQuorum(host.plan)) await memberReady(host.driver, member);
      if (taken.change !== undefined) await backIn(taken.change, host);
      delete taken.change;
      const balancer = isIn(host, 'balancer');
      if (taken.standsBack === true && balancer !== undefined) await floating.mayReturn(balancer);
      delete taken.standsBack;
    },
    release: async (host) => {
      // Whatever state it is in: from here on the balancers' own checks decide.
      await taken.change?.balancers.restore(host.driver.host, 0).catch(() => undefined);
      const balancer = isIn(host, 'balancer');
      if (taken.standsBack === true && balancer !== undefined)
        await floating.mayReturn(balancer).catch(() => undefined);
      taken = {};
    },
    settled: async () => {
      await waitHealthy(access, healthyTimeoutMs, known);
    },
  };
}

/** Undefined when they can't be asked: `up` is also what mends a balancer's agent. */
async function openBalancers(
  access: StackAccess,
  { driver }: PlannedHost,
  reporter: Reporter,
): Promise<Balancers | undefined> {
  try {
    return await Balancers.open(access);
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    reporter.note(driver.host, `is changed while it serves: ${error.message}`);
    return undefined;
  }
}

interface Change {
  readonly access: StackAccess;
  readonly reporter: Reporter;
  /** What had problems before. */
  readonly known: ReadonlySet<string>;
}

async function movePrimary({ access, reporter, known }: Change, host: string): Promise<void> {
  const { database } = await readStatus(access);
  if (database.primary !== host || hostsWithRole(access.spec, 'database').length < 2) return;
  await reporter.step(host, 'move the primary away', async () => {
    await switchOver(access);
    await waitHealthy(access, healthyTimeoutMs, known);
  });
}

/** Where it would be better elsewhere, and may stay: a transaction that stays open is no reason to change nothing. */
async function tryToMovePrimary(change: Change, host: string): Promise<void> {
  try {
    await movePrimary(change, host);
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    const why = [error.message, ...error.issues.map(({ message }) => message)].join(' ');
    change.reporter.note(host, `its agent restarts beside the primary: ${why}`);
  }
}

/** Resolves when another member leads: `to`; the sync standby without it. */
export async function switchOver(access: StackAccess, to?: string): Promise<void> {
  const { spec, infrastructure } = access;
  const identity = await access.operator();
  const { primary } = (await readStatus(access)).database;
  if (primary === null) {
    throw new TandemError('switchover-refused', 'Nobody leads the database at this moment.', {
      hint: "'tandem status' says why; then run the command again.",
    });
  }
  const answer = await askAgent(await infrastructure.agent(primary), identity, {
    method: 'POST',
    path: '/v1/database/switchover',
    body: to === undefined ? {} : { to },
    timeoutMs: 4_000,
  });
  if (answer.status >= 400) {
    throw new TandemError('switchover-refused', `The primary stays: ${clause(detailOf(answer))}.`, {
      hint: "'tandem status' shows the state of the database.",
    });
  }
  const deadline = performance.now() + spec.database.switchover.waitMs + handoverMs;
  while (performance.now() < deadline) {
    const { database } = await readStatus(access);
    if (database.primary !== null && database.primary !== primary) return;
    await sleep(lookMs);
  }
  throw new TandemError('switchover-failed', `${primary} has not handed over.`, {
    hint: "Open transactions hold it, perhaps: see 'tandem status' and 'tandem logs'.",
  });
}
