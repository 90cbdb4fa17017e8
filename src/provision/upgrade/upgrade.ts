/**
 * `tandem upgrade`: Debian packages of the data plane, host by host, each out of service first and healthy again before
 * the next. What a failure leaves is a stack that serves, and a host that the next run begins with.
 */
import { restartOrder, servesRequests, upgradeOrder } from '#src/plan/upgrade.ts';
import type { Service } from '#src/render/service.ts';
import { hostsWithRole } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { Balancers } from '../application/balancers.ts';
import { readStatus, type StackAccess, waitHealthy } from '../health.ts';
import { askHost } from '../operator-api.ts';
import { type HostUpgrade, lookAtHost } from './look.ts';

export interface UpgradeRequest {
  readonly access: StackAccess;
  readonly services: ReadonlyMap<string, readonly Service[]>;
  readonly reporter: Reporter;
}

const healthyMs = 120_000;
const drainMs = 30_000;
const installMs = 900_000;
const switchoverReserveMs = 30_000;

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
  const leaders = { primary: status.database.primary, balancer: status.balancer.active };
  const looks = await Promise.all(
    upgradeOrder(spec.hosts, leaders).map((host) =>
      lookAtHost(host, access.infrastructure.driver(host.name), services.get(host.name) ?? []),
    ),
  );
  return looks.filter(({ packages, stale }) => packages.length > 0 || stale.length > 0);
}

export async function upgrade(request: UpgradeRequest, plan: readonly HostUpgrade[]): Promise<void> {
  for (const host of plan) {
    await upgradeHost(request, host);
    await request.reporter.step(host.host.name, 'healthy again', () =>
      waitHealthy(request.access, healthyMs),
    );
  }
}

async function upgradeHost(
  request: UpgradeRequest,
  { host, packages, stale, affected }: HostUpgrade,
): Promise<void> {
  const { access, reporter } = request;
  const { name } = host;
  const driver = access.infrastructure.driver(name);
  const expected = [...affected, ...stale.map(({ service }) => service)];
  const isPrimary = (await readStatus(access)).database.primary === name;
  if (isPrimary && expected.includes('mariadb')) await movePrimary(request, name);
  const balancers = await Balancers.open(access);
  const isOut = expected.some(servesRequests);
  if (isOut) await reporter.step(name, 'out of service', () => balancers.drain(name, drainMs));
  try {
    if (packages.length > 0) {
      const title = `upgrade ${packages.map((each) => `${each.name} to ${each.to}`).join(', ')}`;
      await reporter.step(name, title, () =>
        install(
          request,
          name,
          packages.map((each) => each.name),
        ),
      );
    }
    // What the new packages have replaced is known only now: libraries of one serve others, too.
    const after = await lookAtHost(host, driver, request.services.get(name) ?? []);
    for (const service of restartOrder([...new Set(after.stale.map((each) => each.service))])) {
      await restart(request, name, service);
    }
  } finally {
    if (isOut) await reporter.step(name, 'back in service', () => balancers.restore(name, healthyMs));
  }
}

/** HAProxy's master executes itself anew on a reload: the new program takes over the listening sockets. */
async function restart({ access, reporter }: UpgradeRequest, host: string, service: string): Promise<void> {
  const action = service === 'haproxy' ? 'reload' : 'restart';
  await reporter.step(host, `${action} ${service}`, () =>
    access.infrastructure.driver(host).control(service, action),
  );
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

/** Somebody else leads before the primary's server is restarted. */
async function movePrimary({ access, reporter }: UpgradeRequest, primary: string): Promise<void> {
  const [agent] = hostsWithRole(access.spec, 'database').filter(({ name }) => name === primary);
  if (agent === undefined) return;
  await reporter.step(primary, 'switch the database over to another member', async () => {
    await askHost(access, agent, { method: 'POST', path: '/v1/database/switchover', body: {} });
    const deadline = performance.now() + access.spec.database.switchover.waitMs + switchoverReserveMs;
    while (performance.now() < deadline) {
      const { database } = await readStatus(access);
      if (database.primary !== null && database.primary !== primary) {
        await waitHealthy(access, healthyMs);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new TandemError(
      'switchover-failed',
      `${primary} still leads the database; its server was not restarted.`,
      {
        hint: "'tandem switchover' and 'tandem db history' say why. Then run the command again.",
      },
    );
  });
}
