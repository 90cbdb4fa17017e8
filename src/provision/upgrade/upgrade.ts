/**
 * `tandem upgrade`: Debian packages of the data plane, host by host, each out of service first and healthy again before
 * the next. What a failure leaves is a stack that serves, and a host that the next run begins with.
 */
import { restartOrder, upgradeOrder } from '#src/plan/upgrade.ts';
import type { Service } from '#src/render/service.ts';
import type { HostSpec } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import type { PlannedHost } from '../apply.ts';
import { gatesOf } from '../gates.ts';
import { readStatus, type StackAccess } from '../health.ts';
import { memberReady } from '../quorum-member.ts';
import { type HostUpgrade, lookAtHost, ownsPackages } from './look.ts';

export interface UpgradeRequest {
  readonly access: StackAccess;
  readonly services: ReadonlyMap<string, readonly Service[]>;
  readonly reporter: Reporter;
}

const installMs = 900_000;
const listsMs = 300_000;

/** In the order in which hosts would be upgraded; those with nothing to do are left out. */
export async function planUpgrade({ access, services }: UpgradeRequest): Promise<readonly HostUpgrade[]> {
  const { spec } = access;
  const status = await readStatus(access);
  if (!status.healthy) {
    throw new TandemError('not-healthy', 'The stack is not healthy; nothing is upgraded.', {
      issues: status.problems.map((message) => ({ path: spec.stack, message })),
      hint: "Mend that first: 'tandem up', 'tandem status'.",
    });
  }
  await Promise.all(spec.hosts.filter(ownsPackages).map((host) => refreshLists(access, host.name)));
  const leaders = { primary: status.database.primary, balancer: status.balancer.active };
  const looks = await Promise.all(
    upgradeOrder(spec.hosts, leaders).map((host) =>
      lookAtHost(host, access.infrastructure.driver(host.name), services.get(host.name) ?? []),
    ),
  );
  return looks.filter(({ packages, stale }) => packages.length > 0 || stale.length > 0);
}

/** What apt knows may be days old. */
async function refreshLists({ infrastructure }: StackAccess, host: string): Promise<void> {
  const update = ['env', 'LC_ALL=C.UTF-8', 'apt-get', '-q', 'update', '-o', 'DPkg::Lock::Timeout=300'];
  const { code, stderr } = await infrastructure.driver(host).run(update, { timeoutMs: listsMs });
  if (code === 0) return;
  throw new TandemError('package-lists-failed', `${host}: apt-get could not read its package lists.`, {
    issues: stderr
      .split('\n')
      .filter(Boolean)
      .slice(-4)
      .map((message) => ({ path: host, message })),
    hint: 'Nothing was changed. Put its package source right, then run the command again.',
  });
}

export async function upgrade(request: UpgradeRequest, plan: readonly HostUpgrade[]): Promise<void> {
  const gates = gatesOf(request.access, request.reporter);
  for (const host of plan) {
    const planned = asPlanned(request, host);
    try {
      await gates.before(planned);
      await upgradeHost(request, host);
      await gates.after(planned);
    } catch (error) {
      await gates.release(planned);
      throw error;
    }
    await request.reporter.step(host.host.name, 'healthy again', () => gates.settled(planned));
  }
}

/** What a host is relieved of follows from the services that are thought to restart. */
function asPlanned(
  { access, services }: UpgradeRequest,
  { host, stale, affected }: HostUpgrade,
): PlannedHost {
  const names = [...new Set([...affected, ...stale.map(({ service }) => service)])];
  const steps = names.map((service) => ({
    kind: 'service' as const,
    service,
    action: actionFor(service),
    reason: 'upgraded',
  }));
  return {
    driver: access.infrastructure.driver(host.name),
    services: services.get(host.name) ?? [],
    plan: { host: host.name, steps, write: [], remove: [] },
  };
}

async function upgradeHost(request: UpgradeRequest, { host, packages }: HostUpgrade): Promise<void> {
  const { access, reporter } = request;
  const { name } = host;
  if (packages.length > 0) {
    const title = `upgrade ${packages.map((each) => `${each.name} to ${each.to}`).join(', ')}`;
    const names = packages.map((each) => each.name);
    await reporter.step(name, title, () => install(request, name, names));
  }
  // What the new packages have replaced is known only now: libraries of one serve others, too.
  const driver = access.infrastructure.driver(name);
  const after = await lookAtHost(host, driver, request.services.get(name) ?? []);
  for (const service of restartOrder([...new Set(after.stale.map((each) => each.service))]))
    await restart(request, host, service);
}

/** HAProxy's master executes itself anew on a reload: the new program takes over the listening sockets. */
const actionFor = (service: string): 'reload' | 'restart' => (service === 'haproxy' ? 'reload' : 'restart');

async function restart({ access, reporter }: UpgradeRequest, host: HostSpec, service: string): Promise<void> {
  const action = actionFor(service);
  const driver = access.infrastructure.driver(host.name);
  await reporter.step(host.name, `${action} ${service}`, async () => {
    await driver.control(service, action);
    if (service === 'etcd') await memberReady(driver, host);
  });
}

/** Services stay as they are (policy-rc.d); configuration files of packages are kept. */
async function install({ access }: UpgradeRequest, host: string, names: readonly string[]): Promise<void> {
  const script = [
    'set -eu',
    'export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C.UTF-8',
    'held=$(apt-mark showhold "$@")',
    '[ -z "$held" ] || apt-mark unhold $held >/dev/null',
    'trap \'[ -z "$held" ] || apt-mark hold $held >/dev/null\' EXIT',
    'apt-get install -y -q --only-upgrade --no-remove -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -- "$@" </dev/null',
  ].join('\n');
  const { code, stdout, stderr } = await access.infrastructure
    .driver(host)
    .run(['sh', '-c', script, 'sh', ...names], { timeoutMs: installMs });
  if (code === 0) return;
  throw new TandemError('package-upgrade-failed', `${host}: apt-get could not upgrade ${names.join(', ')}.`, {
    issues: `${stdout}\n${stderr}`
      .split('\n')
      .filter((line) => /^(E:|W:|dpkg:)/.test(line))
      .slice(-8)
      .map((message) => ({ path: host, message })),
    hint: 'The other hosts serve as before. Put that right on this one, then run the command again.',
  });
}
