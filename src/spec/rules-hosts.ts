/** Rules on hosts: names, roles, quorum, weights, lab or real. */
import type { Issue } from '#src/std/errors.ts';
import type { Rule } from './rule.ts';
import type { Role } from './schema/hosts.ts';
import { namePattern, nameText, nearestName } from './schema/values.ts';
import type { ParsedStack } from './schema.ts';
import { type HostSpec, hostsWithRole, isOnServers, type Spec } from './spec.ts';

export const hostErrors: readonly Rule[] = [
  { reads: [], check: badNames },
  { reads: ['hosts'], check: noHosts },
  { reads: ['hosts.*.roles'], check: missingRoles },
  { reads: ['hosts.*.roles'], check: badQuorum },
  { reads: [], check: repeatedRoles },
  { reads: ['hosts.*.roles', 'hosts.*.weight'], check: noWeight },
  { reads: [], check: mixedHosts },
  { reads: ['network.operators'], check: serversWithoutOperators },
];

export const hostWarnings: readonly Rule[] = [{ reads: ['hosts.*.roles'], check: loneMembers }];

/** Words that stand for something else where host names are written, and what JavaScript gives every object. */
const reservedNames = new Set([
  'any',
  'operator',
  'operators',
  'dashboard',
  'localhost',
  'stack',
  'constructor',
]);

function badNames(parsed: ParsedStack): readonly Issue[] {
  return Object.keys(parsed.hosts).flatMap((name): readonly Issue[] => {
    const path = `hosts.${name}`;
    if (!namePattern.test(name)) {
      const hint = `For example: ${nearestName(name) ?? 'server-1'}.`;
      return [{ path, message: `the name ${nameText}`, hint }];
    }
    if (!reservedNames.has(name)) return [];
    return [
      {
        path,
        message: `'${name}' has a meaning of its own and can not name a host`,
        hint: 'Choose another name.',
      },
    ];
  });
}

function noHosts(parsed: ParsedStack): readonly Issue[] {
  if (Object.keys(parsed.hosts).length > 0) return [];
  return [{ path: 'hosts', message: 'names no host', hint: "'tandem init' writes a file with four." }];
}

const purposes: Partial<Record<Role, string>> = {
  balancer: 'takes the requests',
  web: 'answers them',
  database: 'holds the data',
};

function missingRoles(_parsed: ParsedStack, spec: Spec): readonly Issue[] {
  if (spec.hosts.length === 0) return [];
  return (Object.keys(purposes) as Role[])
    .filter((role) => hostsWithRole(spec, role).length === 0)
    .map((role) => ({
      path: 'hosts',
      message: `no host has the role '${role}' (it ${purposes[role]})`,
      hint: `Add '${role}' to the roles of a host; of two, for a tier that survives the loss of one.`,
    }));
}

/**
 * Without a majority after any single failure nothing can be decided, so a stack that cannot fail over by itself is
 * refused rather than warned about: nobody reads the warning on the day that it matters.
 */
function badQuorum(_parsed: ParsedStack, spec: Spec): readonly Issue[] {
  const members = hostsWithRole(spec, 'quorum');
  const count = members.length;
  if (spec.hosts.length === 0 || (count % 2 === 1 && count >= 3)) return [];
  const hint = "Give the role 'quorum' to three hosts (any will do, balancers too), or to five.";
  if (count === 0)
    return [{ path: 'hosts', message: "no host has the role 'quorum' (it decides who leads)", hint }];
  const why =
    count === 1
      ? 'a quorum of one host is gone with that host: the stack can not fail over by itself'
      : count === 2
        ? 'a quorum of two hosts has no majority when either fails: the stack can not fail over by itself'
        : `a quorum of ${count} hosts survives no more failures than one of ${count - 1}: an even one only adds a host that can fail`;
  return [{ path: 'hosts', message: `${why} (${names(members)})`, hint }];
}

function repeatedRoles(parsed: ParsedStack): readonly Issue[] {
  return Object.entries(parsed.hosts).flatMap(([name, host]) =>
    [...new Set(host.roles.filter((role, index) => host.roles.indexOf(role) !== index))].map((role) => ({
      path: `hosts.${name}.roles`,
      message: `names '${role}' more than once`,
      hint: 'Once is enough.',
    })),
  );
}

function noWeight(_parsed: ParsedStack, spec: Spec): readonly Issue[] {
  const webs = hostsWithRole(spec, 'web');
  if (webs.length === 0 || webs.some((host) => host.weight > 0)) return [];
  return [
    {
      path: 'hosts',
      message: `every web host has weight 0 (${names(webs)}): none would serve`,
      hint: 'Give at least one a weight of 1 or more.',
    },
  ];
}

function mixedHosts(_parsed: ParsedStack, spec: Spec): readonly Issue[] {
  const lab = spec.hosts.filter((host) => host.ssh === undefined);
  const servers = spec.hosts.filter((host) => host.ssh !== undefined);
  if (lab.length === 0 || servers.length === 0) return [];
  return lab.map((host) => ({
    path: `hosts.${host.name}.ssh`,
    message: `is missing: ${names(servers)} ${servers.length === 1 ? 'is a server' : 'are servers'} over SSH, and a stack is all servers or all lab`,
    hint: `Give ${host.name} an ssh destination, or remove the others'.`,
  }));
}

/** The firewall would shut out everybody, this machine too. */
function serversWithoutOperators(parsed: ParsedStack, spec: Spec): readonly Issue[] {
  if (!isOnServers(spec) || (parsed.network.operators ?? []).length > 0) return [];
  return [
    {
      path: 'network.operators',
      message: 'names nobody: the firewalls of the servers would let no SSH in, not even yours',
      hint: 'Name the addresses or networks that you administer the servers from.',
    },
  ];
}

const tiers = { balancer: 'takes requests', web: 'serves', database: 'holds the data' } as const;

function loneMembers(_parsed: ParsedStack, spec: Spec): readonly Issue[] {
  return (Object.keys(tiers) as (keyof typeof tiers)[]).flatMap((role) => {
    const [only, ...rest] = hostsWithRole(spec, role);
    if (only === undefined || rest.length > 0) return [];
    return [
      {
        path: 'hosts',
        message: `only ${only.name} ${tiers[role]} (role '${role}'): the site is down when it is`,
        hint: `Give a second host the role '${role}'.`,
      },
    ];
  });
}

function names(hosts: readonly HostSpec[]): string {
  return hosts.map((host) => host.name).join(', ');
}
