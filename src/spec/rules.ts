/** What must hold across keys of the stack file: errors, which refuse it, and warnings, which do not. */
import type { Issue } from '#src/std/errors.ts';
import { parseSubnet, subnetContains } from '#src/std/ipv4.ts';
import { guardedMariadbSettings } from './guarded-mariadb-settings.ts';
import type { ParsedStack, Role } from './schema.ts';
import { hostsWithRole, type Spec } from './spec.ts';

export interface RuleResult {
  readonly errors: readonly Issue[];
  readonly warnings: readonly Issue[];
}

export function checkRules(parsed: ParsedStack, spec: Spec): RuleResult {
  return {
    errors: [
      ...missingRoles(spec),
      ...badQuorum(spec),
      ...badAddresses(spec),
      ...badWeights(spec),
      ...badFloating(parsed, spec),
      ...guardedSettings(spec),
      ...mixedProvision(spec),
    ],
    warnings: loneMembers(spec),
  };
}

const purposes: Record<Role, string> = {
  balancer: 'takes the requests',
  web: 'answers them',
  database: 'holds the data',
  quorum: 'decides who leads',
};

function missingRoles(spec: Spec): readonly Issue[] {
  return (Object.keys(purposes) as Role[])
    .filter((role) => role !== 'quorum' && hostsWithRole(spec, role).length === 0)
    .map((role) => ({
      path: 'hosts',
      message: `no host has the role '${role}' (it ${purposes[role]})`,
      hint: `Add '${role}' to the roles of a host; two for a tier that survives the loss of one.`,
    }));
}

function badQuorum(spec: Spec): readonly Issue[] {
  const members = hostsWithRole(spec, 'quorum');
  const hint = "Give the role 'quorum' to three hosts, or five.";
  if (members.length === 0) return [{ path: 'hosts', message: "no host has the role 'quorum'", hint }];
  if (members.length % 2 === 1 && members.length !== 1) return [];
  const names = members.map((host) => host.name).join(', ');
  const why =
    members.length === 1
      ? 'a quorum of one host fails with that host, so the stack can not fail over by itself'
      : members.length === 2
        ? 'a quorum of two hosts has no majority when either fails, so the stack can not fail over by itself'
        : `a quorum of ${members.length} hosts survives no more failures than one of ${members.length - 1}`;
  return [{ path: 'hosts', message: `${why} (${names})`, hint }];
}

function badAddresses(spec: Spec): readonly Issue[] {
  const subnet = parseSubnet(spec.network.subnet);
  const uses = [
    ...spec.hosts.map((host) => ({ path: `hosts.${host.name}.address`, address: host.address })),
    ...spec.site.addresses.map((address, index) => ({ path: `site.addresses.${index}`, address })),
  ];
  const outside = uses
    .filter(({ address }) => !subnetContains(subnet, address))
    .map(({ path, address }) => ({
      path,
      message: `${address} is not a host address of network.subnet ${subnet.text}`,
      hint: 'Choose an address inside, or a subnet that holds it.',
    }));
  const gateway = uses
    .filter(({ address }) => address === spec.network.gateway)
    .map(({ path, address }) => ({
      path,
      message: `${address} is the subnet's first address, which is this machine's own in the lab`,
      hint: 'Choose another.',
    }));
  const double = uses.flatMap(({ path, address }, index) => {
    const first = uses.findIndex((other) => other.address === address);
    if (first === index) return [];
    return [
      {
        path,
        message: `${address} is already that of ${uses[first]?.path}`,
        hint: 'Every address has one place.',
      },
    ];
  });
  return [...outside, ...gateway, ...double];
}

function badWeights(spec: Spec): readonly Issue[] {
  const webs = hostsWithRole(spec, 'web');
  if (webs.length === 0 || webs.some((host) => host.weight > 0)) return [];
  return [
    {
      path: 'hosts',
      message: `every web host has weight 0 (${webs.map((host) => host.name).join(', ')}): none would serve`,
      hint: 'Give at least one a weight of 1 or more.',
    },
  ];
}

function badFloating(parsed: ParsedStack, spec: Spec): readonly Issue[] {
  const wanted = spec.balancer.mode === 'active-active' ? hostsWithRole(spec, 'balancer').length : 1;
  if (parsed.site.addresses === undefined || parsed.site.addresses.length === wanted || wanted === 0)
    return [];
  return [
    {
      path: 'site.addresses',
      message: `${parsed.site.addresses.length} addresses, but balancer.mode ${spec.balancer.mode} takes ${wanted}`,
      hint:
        spec.balancer.mode === 'active-active'
          ? 'One floating address for each balancer host; DNS names them all.'
          : 'One floating address, which the active balancer holds.',
    },
  ];
}

function guardedSettings(spec: Spec): readonly Issue[] {
  return Object.keys(spec.database.settings)
    .filter((name) => guardedMariadbSettings.has(name))
    .map((name) => ({
      path: `database.settings.${name}`,
      message: 'is set by Tandem: its guarantees on acknowledged writes rest on it',
      hint: 'Remove it.',
    }));
}

function mixedProvision(spec: Spec): readonly Issue[] {
  const real = spec.hosts.filter((host) => host.ssh !== undefined);
  if (real.length === 0) return [];
  return real.map((host) => ({
    path: `hosts.${host.name}.ssh`,
    message: 'real servers over SSH are not supported yet',
    hint: 'Remove the key: the host is then a lab host on this machine.',
  }));
}

function loneMembers(spec: Spec): readonly Issue[] {
  return (['balancer', 'web', 'database'] as const)
    .filter((role) => hostsWithRole(spec, role).length === 1)
    .map((role) => ({
      path: 'hosts',
      message: `only one host has the role '${role}': the site is down when it is`,
      hint: 'Add a second one.',
    }));
}
