/** What is not healthy, in sentences, from a state as it is shown; pure. */
import type { StackState } from '../api/schemas.ts';

/** `pending`: hosts that were not asked yet, of which nothing can be said. */
export function problemsOf(state: StackState, pending: ReadonlySet<string>): readonly string[] {
  return [
    ...state.hosts.filter(({ name }) => !pending.has(name)).flatMap(hostProblems),
    ...(pending.size > 0 ? [] : addressProblems(state)),
    ...(pending.size > 0 ? [] : webProblems(state)),
    ...databaseProblems(state),
  ];
}

function hostProblems(host: StackState['hosts'][number]): readonly string[] {
  if (!host.reachable) return [`${host.name}: its agent does not answer; the host may be down or cut off.`];
  const services = host.services
    .filter(({ state }) => state !== 'running' && state !== 'done')
    .map(
      ({ name, state, reason }) =>
        `${host.name}: ${name} is ${state}${reason === null ? '' : ` (${reason})`}.`,
    );
  return [...services, ...host.warnings.map((warning) => `${host.name}: ${warning}`)];
}

function addressProblems({ site, balancers }: StackState): readonly string[] {
  const addresses = site.addresses.flatMap(({ address, holders }) => {
    if (holders.length === 1) return [];
    return [
      holders.length === 0
        ? `Nobody holds ${address}: the site can't be reached there.`
        : `${holders.join(' and ')} both hold ${address}.`,
    ];
  });
  const down = balancers.filter(({ state }) => state === 'down');
  return [...addresses, ...down.map(({ host }) => `${host}: HAProxy does not answer.`)];
}

function webProblems({ web }: StackState): readonly string[] {
  return web.flatMap(({ host, state }) =>
    state === 'down' || state === 'unknown' ? [`${host}: the balancers send it nothing (${state}).`] : [],
  );
}

function databaseProblems({ database }: StackState): readonly string[] {
  if (!database.quorum) return ['etcd does not answer: what is shown of the database may be old.'];
  const members = database.members.flatMap(({ host, role, problem }) => {
    if (role === 'down') return [`${host}: its database server is down.`];
    if (role === 'unknown') return [`${host}: its agent does not report the database.`];
    return problem === null ? [] : [`${host}: ${problem}.`];
  });
  const primary = database.primary === null ? ['The database has no primary: writes wait.'] : [];
  const several = database.members.length > 1 && database.primary !== null;
  const failover =
    several && !database.failover.possible
      ? [`A failover would not succeed now: ${database.failover.reason}.`]
      : [];
  return [...primary, ...members, ...failover];
}
