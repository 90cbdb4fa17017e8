/**
 * Carries a stack's plan out on its hosts, through their drivers. New hosts are brought up side by side; changes go
 * host by host, so that the other members of a tier serve meanwhile, and stop at the first host that does not become
 * healthy. Bad configuration is found on all hosts before any of them is changed.
 */
import { sha256 } from '#src/adapters/sha256.ts';
import { type HostPlan, planHost, type Step } from '#src/plan/plan.ts';
import type { Service } from '#src/render/service.ts';
import type { Reporter } from '#src/std/reporter.ts';
import type { HostDriver } from './host-driver.ts';
import { type Fate, stopped } from './stopped.ts';

export interface HostWork {
  readonly driver: HostDriver;
  readonly services: readonly Service[];
}

export interface PlannedHost extends HostWork {
  readonly plan: HostPlan;
}

/** What a change waits for between two hosts. */
export interface Gates {
  /** The order in which hosts that serve are changed. */
  order(hosts: readonly PlannedHost[]): Promise<readonly PlannedHost[]>;
  /** Takes off a host what others can do meanwhile: the primary's role, the floating address, requests. */
  before(host: PlannedHost): Promise<void>;
  /** Gives the changed host back what it can do again, once it can. */
  after(host: PlannedHost): Promise<void>;
  /** The same for a host whose change failed, whatever state it is in. Never rejects. */
  release(host: PlannedHost): Promise<void>;
  /** Resolves when the stack is healthy again after the host was changed. */
  settled(host: PlannedHost): Promise<void>;
  /** Hosts that come, or take a role: begun with one by one, when all others know them. */
  readonly arrivals?: Arrivals;
}

export interface Arrivals {
  readonly names: ReadonlySet<string>;
  /** Before anything is started there; and when all of it is. */
  before(host: string): Promise<void>;
  after(host: string): Promise<void>;
}

export function planHosts(hosts: readonly HostWork[]): Promise<readonly PlannedHost[]> {
  return Promise.all(
    hosts.map(async (work) => {
      const observed = await work.driver.observe(work.services);
      return { ...work, plan: planHost(work.driver.host, work.services, observed, sha256) };
    }),
  );
}

export function isUnchanged(planned: readonly PlannedHost[]): boolean {
  return planned.every(({ plan }) => plan.steps.length === 0);
}

/**
 * Applies the plans; rejects with what was changed, what was put back and what was not touched. `prepared` is awaited when
 * all hosts are there, before anything is started on them.
 */
export async function applyPlans(
  planned: readonly PlannedHost[],
  reporter: Reporter,
  gates: Gates,
  prepared: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const changed = planned.filter(({ plan }) => plan.steps.length > 0);
  await allEnded(changed.map((host) => prepareHost(host, reporter)));
  await prepared();
  await allEnded(changed.map(({ driver, services }) => driver.validate(services)));
  const arrives = ({ driver }: PlannedHost) => gates.arrivals?.names.has(driver.host) === true;
  const isNew = ({ plan }: PlannedHost) => plan.steps.every((step) => !disturbs(step));
  await allEnded(
    changed.filter((host) => isNew(host) && !arrives(host)).map((host) => applyHost(host, reporter)),
  );
  const serving = changed.filter((host) => !isNew(host) || arrives(host));
  const ordered = serving.length === 0 ? [] : await gates.order(serving);
  const rolling = [...ordered.filter((host) => !arrives(host)), ...ordered.filter(arrives)];
  const done: string[] = [];
  for (const host of rolling) {
    const failure = await rollHost(host, reporter, gates);
    if (failure !== undefined) {
      throw stopped(failure.cause, failure.fate, {
        host: host.driver.host,
        done,
        untouched: rolling.slice(done.length + 1).map(({ driver }) => driver.host),
      });
    }
    done.push(host.driver.host);
  }
}

/** As Promise.all, but what has begun comes to its end before a failure is told. */
async function allEnded(work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}

async function prepareHost({ driver, services, plan }: PlannedHost, reporter: Reporter): Promise<void> {
  const lacks = plan.steps.flatMap((step) => (step.kind === 'prepare' ? [step.what] : []));
  const isNew = plan.steps.some((step) => step.kind === 'create-host');
  if (!isNew && lacks.length === 0) return;
  const title = lacks.length > 0 ? `prepare: ${lacks.join('; ')}` : 'create the host';
  await reporter.step(driver.host, title, () => driver.prepare(services));
}

/** Whether a step touches something that serves. */
function disturbs(step: Step): boolean {
  return step.kind === 'service' && step.action !== 'start';
}

interface Failure {
  readonly cause: unknown;
  readonly fate: Fate;
}

async function rollHost(host: PlannedHost, reporter: Reporter, gates: Gates): Promise<Failure | undefined> {
  let isTouched = false;
  try {
    await gates.before(host);
    await host.driver.remember?.();
    isTouched = true;
    await gates.arrivals?.before(host.driver.host);
    await applyHost(host, reporter);
    await gates.arrivals?.after(host.driver.host);
    await gates.after(host);
    await reporter.step(host.driver.host, 'healthy again', () => gates.settled(host));
    return undefined;
  } catch (cause) {
    const fate = isTouched ? await putBack(host, reporter) : 'untouched';
    await gates.release(host);
    return { cause, fate };
  }
}

async function putBack({ driver }: PlannedHost, reporter: Reporter): Promise<Fate> {
  if (driver.restore === undefined) return 'left';
  try {
    await reporter.step(
      driver.host,
      'put back what was there',
      () => driver.restore?.() ?? Promise.resolve(),
    );
    return 'restored';
  } catch (error) {
    return error as Error;
  }
}

async function applyHost({ driver, services, plan }: PlannedHost, reporter: Reporter): Promise<void> {
  const { host } = driver;
  // Files that go are removed last: what still runs may read them until it was stopped.
  await driver.writeFiles(plan.write, []);
  await driver.define(services);
  const steps = plan.steps.filter((step) => step.kind === 'service');
  const starts = steps.filter((step) => step.action === 'start');
  const inTurn = async (list: typeof steps) => {
    for (const { action, service, reason } of list) {
      await reporter.step(host, `${action} ${service} (${reason})`, () => driver.control(service, action));
    }
  };
  // In the plan's order, but for what is started: that waits for what it comes after, and for nothing else.
  const at = starts.length === 0 ? 0 : steps.findIndex((step) => step.action === 'start');
  await inTurn(steps.slice(0, at));
  await startInOrder(driver, services, new Set(starts.map((step) => step.service)), reporter);
  await inTurn(steps.slice(at + starts.length));
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
  await allEnded([...started.values()]);
}
