/**
 * Hosts that come and go: what the stack file wants against what was applied, as the stacks to pass through on the way.
 * Each of them is an ordinary one, applied as any change is: first the newcomers beside everybody else, then the same
 * with those that go giving up what they have, then what the stack file says.
 */
import type { Role } from '#src/spec/schema/hosts.ts';
import { type HostSpec, hostsWithRole, type Spec } from '#src/spec/spec.ts';
import type { Issue } from '#src/std/errors.ts';
import type { KnownHost } from '#src/topology/known-hosts.ts';

/** A host with the roles that it gains, or loses. */
export interface Move {
  readonly host: string;
  readonly roles: readonly Role[];
}

export interface Growth {
  /** Roles that hosts gain; whole hosts with all of theirs. */
  readonly joining: readonly Move[];
  /** Roles that hosts have to give up first, before the others forget them. */
  readonly leaving: readonly Move[];
  /** Hosts that are no longer in the stack file, also those that have given up everything already. */
  readonly gone: readonly KnownHost[];
  /** Newcomers beside everybody else; undefined when nobody comes. */
  readonly withNewcomers: Spec | undefined;
  /** Everybody, with those that go giving up their roles; undefined when nobody does. */
  readonly withLeavers: Spec | undefined;
}

/** `known` is what was applied last; undefined when that was never noted, as in a stack that was never up. */
export function growthOf(known: readonly KnownHost[] | undefined, wanted: Spec): Growth {
  if (known === undefined)
    return { joining: [], leaving: [], gone: [], withNewcomers: undefined, withLeavers: undefined };
  const before = new Map(known.map((host) => [host.name, host]));
  const wantedNames = new Set(wanted.hosts.map(({ name }) => name));
  const joining = wanted.hosts.flatMap((host): readonly Move[] => {
    const had = before.get(host.name);
    const roles =
      had === undefined || had.state === 'joining'
        ? host.roles
        : host.roles.filter((role) => !had.roles.includes(role));
    return roles.length === 0 ? [] : [{ host: host.name, roles }];
  });
  const gone = known.filter(({ name }) => !wantedNames.has(name));
  const leaving = known.flatMap((host): readonly Move[] => {
    const kept = wanted.hosts.find(({ name }) => name === host.name)?.roles ?? [];
    const roles = host.state === 'out' ? [] : host.roles.filter((role) => !kept.includes(role));
    return roles.length === 0 ? [] : [{ host: host.name, roles }];
  });
  return {
    joining,
    leaving,
    gone,
    withNewcomers: joining.length === 0 ? undefined : withEverybody(wanted, known, { joining, leaving: [] }),
    withLeavers: leaving.length === 0 ? undefined : withEverybody(wanted, known, { joining: [], leaving }),
  };
}

function withEverybody(
  wanted: Spec,
  known: readonly KnownHost[],
  moves: Pick<Growth, 'joining' | 'leaving'>,
): Spec {
  const rolesOf = (list: readonly Move[], name: string) =>
    list.find(({ host }) => host === name)?.roles ?? [];
  const staying = wanted.hosts.map((host): HostSpec => {
    const had = known.find(({ name, state }) => name === host.name && state !== 'out')?.roles ?? [];
    const roles = [...host.roles, ...had.filter((role) => !host.roles.includes(role))];
    return { ...host, roles };
  });
  const names = new Set(wanted.hosts.map(({ name }) => name));
  // Last: the first of a role is the preferred one.
  const others = known.filter(({ name, state }) => !names.has(name) && state !== 'out').map(asHost);
  const hosts = [...staying, ...others].map((host): HostSpec => {
    const transit = {
      joining: rolesOf(moves.joining, host.name),
      leaving: rolesOf(moves.leaving, host.name),
    };
    return transit.joining.length + transit.leaving.length === 0 ? host : { ...host, transit };
  });
  return { ...wanted, hosts };
}

export function asHost({ state: _state, ssh, ...host }: KnownHost): HostSpec {
  return { ...host, ssh: ssh ?? undefined };
}

export function asKnown(host: HostSpec, state: KnownHost['state']): KnownHost {
  const { name, address, roles, weight, ssh, interface: device } = host;
  return { name, address, roles, weight, ssh: ssh ?? null, interface: device, state };
}

/** What is wrong with a change of hosts, whatever state the stack is in: it is refused before anything is changed. */
export function growthIssues(
  known: readonly KnownHost[] | undefined,
  wanted: Spec,
  growth: Growth,
): readonly Issue[] {
  if (known === undefined) return [];
  const moved = movedAddresses(known, wanted);
  return [
    ...(moved.length > 0 ? moved : takenAddresses(growth, wanted)),
    ...quorumIssues(known, growth),
    ...databaseIssues(known, wanted),
    ...kindIssues(known, wanted),
  ];
}

function movedAddresses(known: readonly KnownHost[], wanted: Spec): readonly Issue[] {
  return known.flatMap((host) => {
    const now = wanted.hosts.find(({ name }) => name === host.name);
    if (now === undefined || now.address === host.address) return [];
    return [
      {
        path: `hosts.${host.name}.address`,
        message: `was ${host.address} and is now ${now.address}: the others know the host by it`,
        hint: `Write 'address: ${host.address}' for it (a host without one gets its address by its place in the file). For a host that really is another one, choose another name.`,
      },
    ];
  });
}

function takenAddresses({ gone }: Growth, wanted: Spec): readonly Issue[] {
  return gone.flatMap((host) => {
    const heir = wanted.hosts.find(({ address }) => address === host.address);
    if (heir === undefined) return [];
    return [
      {
        path: `hosts.${heir.name}.address`,
        message: `${host.address} is still the address of ${host.name}, which this change takes out`,
        hint: `Take ${host.name} out first ('tandem up'), then add ${heir.name}.`,
      },
    ];
  });
}

function quorumIssues(known: readonly KnownHost[], { leaving }: Growth): readonly Issue[] {
  const names = leaving.filter(({ roles }) => roles.includes('quorum')).map(({ host }) => host);
  if (names.length < 2) return [];
  const count = known.filter(({ roles, state }) => roles.includes('quorum') && state !== 'out').length;
  return [
    {
      path: 'hosts',
      message: `${names.join(' and ')} would leave the quorum of ${count} at once: members are replaced one at a time, with a healthy quorum in between`,
      hint: `Put all but one of them back, run 'tandem up', then take the next one out.`,
    },
  ];
}

/** Somebody who has the data must stay: what is copied once, and then the only one, was never proved to be whole. */
function databaseIssues(known: readonly KnownHost[], wanted: Spec): readonly Issue[] {
  const had = known.filter(({ roles, state }) => roles.includes('database') && state !== 'joining');
  const stays = hostsWithRole(wanted, 'database').some(({ name }) => had.some((host) => host.name === name));
  if (had.length === 0 || stays) return [];
  return [
    {
      path: 'hosts',
      message: `every database member that has the data would leave (${had.map(({ name }) => name).join(', ')})`,
      hint: "Keep one of them: run 'tandem up' so that the new members copy its data, then take it out.",
    },
  ];
}

function kindIssues(known: readonly KnownHost[], wanted: Spec): readonly Issue[] {
  const wasServer = known.some(({ ssh }) => ssh !== null);
  const isServer = wanted.hosts.some(({ ssh }) => ssh !== undefined);
  if (known.length === 0 || wasServer === isServer) return [];
  return [
    {
      path: 'hosts',
      message: `this stack was brought up ${wasServer ? 'on servers, and the file names none' : 'as a lab, and the file names servers'}`,
      hint: "Give the other one a name of its own ('stack'), or take this one down first ('tandem down').",
    },
  ];
}
