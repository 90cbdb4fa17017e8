/** Hosts and roles on their way out: refused while the site could not do without them; then what they do is handed over. */
import { type HostSpec, hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { clause, type Issue, TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { Balancers } from '../application/balancers.ts';
import { readStatus, type StackAccess } from '../health.ts';
import type { StackStatus } from '../status.ts';
import { isAt, readQuorum } from './quorum.ts';

export interface Leavers {
  /** The stack with its leavers. */
  readonly access: StackAccess;
  readonly wanted: Spec;
  /** Names of hosts that stay, or come, and were seen healthy at some time. */
  readonly settled: ReadonlySet<string>;
}

/** Why the site, the database or the quorum could not do without them now; nothing was changed. */
export async function leaveIssues(leavers: Leavers): Promise<readonly Issue[]> {
  const status = await readStatus(leavers.access);
  return [
    ...databaseIssues(leavers, status),
    ...(await quorumIssues(leavers)),
    ...(await webIssues(leavers)),
  ];
}

const leaves = (role: HostSpec['roles'][number]) => (host: HostSpec) =>
  host.transit?.leaving.includes(role) === true;

function databaseIssues({ access, wanted, settled }: Leavers, { database }: StackStatus): readonly Issue[] {
  const leaving = hostsWithRole(access.spec, 'database').filter(leaves('database'));
  const primary = leaving.find(({ name }) => name === database.primary);
  if (leaving.length === 0) return [];
  if (database.primary === null)
    return [
      {
        path: leaving[0]?.name ?? 'hosts',
        message: 'is a database member, and at the moment nobody leads the database',
        hint: "Wait for the failover to end, or cure what keeps it ('tandem status').",
      },
    ];
  if (primary === undefined) return [];
  const heirs = hostsWithRole(wanted, 'database').filter(({ name }) => settled.has(name));
  const fit = database.members.some(
    ({ host, role }) => role === 'replica' && heirs.some(({ name }) => name === host),
  );
  // A newcomer has its data before anybody leaves.
  if (fit || hostsWithRole(wanted, 'database').some(({ name }) => !settled.has(name))) return [];
  return [
    {
      path: primary.name,
      message: `is the primary of the database, and none of the members that stay can take over: ${heirs.map(({ name }) => `${name} ${database.members.find(({ host }) => host === name)?.explanation ?? 'is not known'}`).join('; ')}`,
      hint: "Bring them in order first ('tandem status').",
    },
  ];
}

async function quorumIssues({ access, wanted, settled }: Leavers): Promise<readonly Issue[]> {
  const leaving = hostsWithRole(access.spec, 'quorum').filter(leaves('quorum'));
  if (leaving.length === 0) return [];
  const members = await readQuorum(access);
  if (members === undefined)
    return [
      {
        path: leaving[0]?.name ?? 'hosts',
        message: 'is a member of the quorum, which does not answer',
        hint: "Bring the quorum back first ('tandem status').",
      },
    ];
  const stay = members.filter((member) => !leaving.some((host) => isAt(member, host)) && !member.isLearner);
  const silent = stay.filter(({ isHealthy }) => !isHealthy);
  const coming = hostsWithRole(wanted, 'quorum').filter(
    (host) => !settled.has(host.name) || !members.some((member) => isAt(member, host)),
  ).length;
  const left = stay.length + coming;
  if ((left - silent.length) * 2 > left) return [];
  return [
    {
      path: leaving.map(({ name }) => name).join(', '),
      message: `without it the quorum would have no majority: ${silent.map(({ name }) => name).join(' and ')} of its ${left} members do not answer`,
      hint: 'Bring these back first.',
    },
  ];
}

/** Only those that serve now count: a newcomer is looked at when it has come. */
async function webIssues({ access, wanted, settled }: Leavers): Promise<readonly Issue[]> {
  const leaving = hostsWithRole(access.spec, 'web').filter(leaves('web'));
  const staying = hostsWithRole(wanted, 'web');
  if (leaving.length === 0 || staying.some(({ name }) => !settled.has(name))) return [];
  const path = leaving.map(({ name }) => name).join(', ');
  try {
    const unserved = await withoutServer(access, new Set(staying.map(({ name }) => name)));
    return unserved.map((balancer) => ({
      path,
      message: `no web host that stays is healthy for ${balancer}: the site would be down`,
      hint: `See 'tandem status' and 'tandem logs' of ${staying.map(({ name }) => name).join(', ')}.`,
    }));
  } catch (error) {
    if (!(error instanceof TandemError)) throw error;
    const message = `whether a web host that stays is healthy is not known: ${clause(error.message)}`;
    return [{ path, message, hint: error.hint ?? "See 'tandem status'." }];
  }
}

/** Balancers whose HAProxy finds none of these web hosts well. */
async function withoutServer(access: StackAccess, names: ReadonlySet<string>): Promise<readonly string[]> {
  const seen = await (await Balancers.open(access)).servers();
  return [...seen].flatMap(([balancer, servers]) =>
    servers.some(({ host, up, weight }) => names.has(host) && up && weight > 0) ? [] : [balancer],
  );
}

/** The floating address goes while somebody is there to take it; requests that are under way are still answered. */
export async function leaveAddresses(access: StackAccess, reporter: Reporter): Promise<void> {
  for (const host of hostsWithRole(access.spec, 'balancer').filter(leaves('balancer')))
    await reporter.step(host.name, 'leave the floating address to the others', () =>
      access.infrastructure.driver(host.name).control('keepalived', 'stop'),
    );
}
