/** Passwords and tokens of the dashboard: kept with the stack's secrets, given to the balancers as they change. */

import { dashboardAccountsFile } from '#src/render/dashboard.ts';
import { hostsWithRole } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import { type DashboardAccess, loadOrCreateAccess, saveAccess } from './material/dashboard.ts';
import { materialPaths } from './material/paths.ts';
import type { Stack } from './stack.ts';

function fileOf(stack: Stack): string {
  return materialPaths(stack.location.stateDirectory).dashboardAccess;
}

/** Rejects for a stack that was never up. */
export async function readAccess(stack: Stack): Promise<DashboardAccess> {
  await stack.operator();
  return loadOrCreateAccess(fileOf(stack));
}

/**
 * Keeps it, and writes it to every balancer, where the dashboard reads it at once. Rejects when a balancer can't be
 * written to; the next `up` makes that good.
 */
export async function changeAccess(stack: Stack, access: DashboardAccess): Promise<void> {
  await saveAccess(fileOf(stack), access);
  const identity = { certificate: '', key: '' };
  const file = dashboardAccountsFile({
    spec: stack.spec,
    material: { dashboard: { ...access, identity } },
  });
  const balancers = hostsWithRole(stack.spec, 'balancer');
  const written = await Promise.allSettled(
    balancers.map(({ name }) => stack.driver(name).writeFiles([file], [])),
  );
  const missed = balancers
    .filter((_, index) => written[index]?.status === 'rejected')
    .map(({ name }) => name);
  if (missed.length === 0) return;
  throw new TandemError('access-incomplete', `Kept, but ${missed.join(' and ')} could not be told.`, {
    hint: "Bring the host back and run 'tandem up': it writes what is missing.",
  });
}
