/**
 * Between two hosts of a rolling change: replicas before the primary, whose role moves away first; and nothing goes on
 * before the stack is healthy.
 */
import { askAgent } from '#src/adapters/agent-client.ts';
import { hostsWithRole } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import type { Gates, PlannedHost } from './apply.ts';
import { readStatus, type StackAccess, subjectOf, waitHealthy } from './health.ts';

const healthyTimeoutMs = 120_000;
/** Beside the wait for open transactions. */
const handoverMs = 30_000;
const lookMs = 200;

export function gatesOf(access: StackAccess, reporter: Reporter): Gates {
  // What ails already is not this change's doing: an `up` that was killed half-way is finished by the next one.
  let known: ReadonlySet<string> = new Set();
  return {
    order: async (hosts) => {
      const { problems, database } = await readStatus(access);
      known = new Set(problems.map(subjectOf));
      // Only where the database restarts the order counts; otherwise it is that of the stack file.
      const isLast = (host: PlannedHost) => restartsDatabase(host) && host.driver.host === database.primary;
      return [...hosts.filter((host) => !isLast(host)), ...hosts.filter(isLast)];
    },
    before: async (host) => {
      if (!restartsDatabase(host)) return;
      const { database } = await readStatus(access);
      if (database.primary !== host.driver.host || hostsWithRole(access.spec, 'database').length < 2) return;
      await reporter.step(host.driver.host, 'move the primary away', () => switchOver(access));
    },
    settled: async () => {
      await waitHealthy(access, healthyTimeoutMs, known);
    },
  };
}

function restartsDatabase({ plan }: PlannedHost): boolean {
  return plan.steps.some(
    (step) => step.kind === 'service' && step.service === 'mariadb' && step.action === 'restart',
  );
}

/** Resolves when another member leads (`to`; the sync standby without it) and the stack is healthy. */
export async function switchOver(access: StackAccess, to?: string): Promise<void> {
  const { spec, infrastructure } = access;
  const identity = await access.operator();
  const before = (await readStatus(access)).database;
  const answer = await askAgent(await infrastructure.agent(before.primary ?? ''), identity, {
    method: 'POST',
    path: '/v1/database/switchover',
    body: to === undefined ? {} : { to },
    timeoutMs: 4_000,
  });
  if (answer.status >= 400) {
    const { detail, title } = answer.body as { detail?: string; title?: string };
    throw new TandemError(
      'switchover-refused',
      `The primary stays: ${detail ?? title ?? 'no reason given'}.`,
      {
        hint: "'tandem status' shows the state of the database.",
      },
    );
  }
  const deadline = performance.now() + spec.database.switchover.waitMs + handoverMs;
  while (performance.now() < deadline) {
    const { database } = await readStatus(access);
    if (database.primary !== null && database.primary !== before.primary) {
      await waitHealthy(access, healthyTimeoutMs);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  throw new TandemError('switchover-failed', `${before.primary} has not handed over.`, {
    hint: "Open transactions hold it, perhaps: see 'tandem status' and 'tandem logs'.",
  });
}
