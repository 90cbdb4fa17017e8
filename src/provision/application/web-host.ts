/** One web host brought to a release: out of service, switched, its processes started anew, looked at, back in service. */
import { appSocket } from '#src/render/app.ts';
import type { Spec } from '#src/spec/spec.ts';
import { type Issue, TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import type { Balancers } from './balancers.ts';
import type { HostApplication } from './host.ts';

/** Beyond the application's own time to start. */
const healthMs = 30_000;
const restoreMs = 30_000;
/** Requests that take longer (open tunnels) are ended by the restart, as they are by the application's own stop. */
const mostDrainMs = 30_000;

const drainNotes = {
  busy: 'still has requests: they are ended by the restart',
  alone: 'goes on serving meanwhile, as no other web host does: its processes are changed one by one',
} as const;

export interface WebHostChange {
  readonly spec: Spec;
  readonly balancers: Balancers;
  readonly reporter: Reporter;
}

/** Why a release is not well on a host. */
export class UnhealthyRelease extends Error {
  readonly issues: readonly Issue[];

  constructor(message: string, issues: readonly Issue[]) {
    super(message);
    this.issues = issues;
  }
}

/** Rejects with an `UnhealthyRelease` when the release does not become healthy; the host is then still out of service. */
export async function switchHost(
  change: WebHostChange,
  host: HostApplication,
  release: string,
): Promise<void> {
  const { reporter } = change;
  await takeOut(change, host.host);
  await reporter.step(host.host, `start release ${release}`, () => startRelease(change, host, release));
  await reporter.step(host.host, 'healthy', () => checkHealth(change, host));
  await host.applied(release);
  await reporter.step(host.host, 'back in service', () =>
    change.balancers.restore(host.host, restoreMs).catch((error: TandemError) => {
      throw new UnhealthyRelease(error.message, error.issues);
    }),
  );
}

/** No new requests for the host, and those that it has answered; for at most half a minute. */
export async function takeOut(
  { spec, balancers, reporter }: WebHostChange,
  host: string,
): Promise<Awaited<ReturnType<Balancers['drain']>>> {
  const drainMs = Math.min(mostDrainMs, spec.balancer.serverTimeoutMs);
  return reporter.step(host, 'out of service', async () => {
    const drained = await balancers.drain(host, drainMs);
    if (drained !== 'empty') reporter.note(host, drainNotes[drained]);
    return drained;
  });
}

/** Back in service once everything that requests pass through answers; rejects while something does not. */
export async function putIn(change: WebHostChange, host: HostApplication): Promise<void> {
  await change.reporter.step(host.host, 'back in service', async () => {
    await checkHealth(change, host).catch((error: UnhealthyRelease) => {
      throw new TandemError('web-host-unhealthy', `${host.host}: ${error.message}.`, {
        issues: error.issues,
      });
    });
    await change.balancers.restore(host.host, restoreMs);
  });
}

/** The way back. Whatever comes of it the host is put back in service: the balancers' own checks decide from then on. */
export async function revertHost(
  change: WebHostChange,
  host: HostApplication,
  release: string,
): Promise<void> {
  const { reporter } = change;
  try {
    await reporter.step(host.host, `back to release ${release}`, () => startRelease(change, host, release));
    await reporter.step(host.host, 'healthy', () => checkHealth(change, host));
    await host.applied(release);
  } finally {
    await reporter.step(host.host, 'back in service', () => change.balancers.restore(host.host, restoreMs));
  }
}

function instances({ spec }: WebHostChange): readonly number[] {
  return Array.from({ length: spec.web.instances }, (_, index) => index + 1);
}

async function startRelease(change: WebHostChange, host: HostApplication, release: string): Promise<void> {
  await host.use(release);
  for (const instance of instances(change)) {
    const name = `app-${instance}`;
    try {
      await host.driver.control(name, 'restart');
    } catch (error) {
      const said = error instanceof TandemError ? error.issues : [];
      const issues = said.length > 0 ? said : await logOf(host, [name]);
      throw new UnhealthyRelease((error as Error).message.replace(`${host.host}: `, ''), issues);
    }
  }
}

async function checkHealth(change: WebHostChange, host: HostApplication): Promise<void> {
  const { healthy, problems } = await host.check({
    sockets: instances(change).map(appSocket),
    healthPath: change.spec.web.app.healthPath,
    drainMs: Math.min(mostDrainMs, change.spec.database.router.drainTimeoutMs),
    timeoutMs: healthMs,
  });
  if (healthy) return;
  const named = instances(change)
    .map((instance) => `app-${instance}`)
    // A whole word: app-1 is not app-10.
    .filter((name) => problems.some((problem) => new RegExp(`^${name}\\b`).test(problem)));
  const issues = await logOf(host, named.length > 0 ? named.slice(0, 1) : ['app-1']);
  throw new UnhealthyRelease(problems.join('; ') || 'it did not answer steadily', issues);
}

async function logOf(host: HostApplication, services: readonly string[]): Promise<readonly Issue[]> {
  const logs = await Promise.all(
    services.map(async (service) =>
      (await host.lastLines(service)).map((message) => ({ path: `${host.host}/${service}`, message })),
    ),
  );
  return logs.flat();
}
