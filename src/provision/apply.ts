/**
 * Carries a stack's plan out on its hosts, through their drivers. New hosts are brought up side by side; changes go
 * host by host, so that the other members of a tier serve meanwhile. Bad configuration is found on all hosts before any
 * of them is changed.
 */
import { createHash } from 'node:crypto';
import { type HostPlan, planHost, type Step } from '#src/plan/plan.ts';
import type { Service } from '#src/render/service.ts';
import type { Reporter } from '#src/std/reporter.ts';
import type { HostDriver } from './host-driver.ts';

export interface HostWork {
  readonly driver: HostDriver;
  readonly services: readonly Service[];
}

export interface PlannedHost extends HostWork {
  readonly plan: HostPlan;
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export function planHosts(hosts: readonly HostWork[]): Promise<readonly PlannedHost[]> {
  return Promise.all(
    hosts.map(async (work) => {
      const observed = await work.driver.observe();
      return { ...work, plan: planHost(work.driver.host, work.services, observed, sha256) };
    }),
  );
}

export function isUnchanged(planned: readonly PlannedHost[]): boolean {
  return planned.every(({ plan }) => plan.steps.length === 0);
}

/**
 * Applies the plans. `prepared` is awaited when all hosts exist, before anything is started on them; `settled` between
 * two hosts of a change: it answers when the stack is healthy again.
 */
export async function applyPlans(
  planned: readonly PlannedHost[],
  reporter: Reporter,
  settled: (host: string) => Promise<void>,
  prepared: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const changed = planned.filter(({ plan }) => plan.steps.length > 0);
  await Promise.all(
    changed
      .filter(({ plan }) => plan.steps.some((step) => step.kind === 'create-host'))
      .map(({ driver }) => reporter.step(driver.host, 'create the host', () => driver.prepare())),
  );
  await prepared();
  await Promise.all(changed.map(({ driver, services }) => driver.validate(services)));
  const isNew = ({ plan }: PlannedHost) => plan.steps.every((step) => !disturbs(step));
  await Promise.all(changed.filter(isNew).map((host) => applyHost(host, reporter)));
  for (const host of changed.filter((candidate) => !isNew(candidate))) {
    await applyHost(host, reporter);
    await settled(host.driver.host);
  }
}

/** Whether a step touches something that serves. */
function disturbs(step: Step): boolean {
  return step.kind === 'service' && step.action !== 'start';
}

async function applyHost({ driver, services, plan }: PlannedHost, reporter: Reporter): Promise<void> {
  const { host } = driver;
  // Files that go are removed last: what still runs may read them until it was stopped.
  await driver.writeFiles(plan.write, []);
  await driver.define(services);
  const steps = plan.steps.filter((step) => step.kind === 'service');
  const starts = steps.filter((step) => step.action === 'start');
  await startInOrder(driver, services, new Set(starts.map((step) => step.service)), reporter);
  for (const step of steps.filter((candidate) => candidate.action !== 'start')) {
    await reporter.step(host, `${step.action} ${step.service} (${step.reason})`, () =>
      driver.control(step.service, step.action),
    );
  }
  if (plan.remove.length > 0) await driver.writeFiles([], plan.remove);
}

/** Starts services side by side, each once those that it comes `after` are ready. */
async function startInOrder(
  driver: HostDriver,
  services: readonly Service[],
  names: ReadonlySet<string>,
  reporter: Reporter,
): Promise<void> {
  const started = new Map<string, Promise<void>>();
  for (const service of services) {
    if (!names.has(service.name)) continue;
    const before = service.after.flatMap((name) => started.get(name) ?? []);
    const start = Promise.all(before).then(() =>
      reporter.step(driver.host, `start ${service.name}`, () => driver.control(service.name, 'start')),
    );
    started.set(service.name, start);
  }
  const results = await Promise.allSettled(started.values());
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
