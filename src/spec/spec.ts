/** The stack as the rest of Tandem reads it: every default filled in, every host with its address. */
import { oncePer } from '#src/std/once-per.ts';
import type { Role } from './schema/hosts.ts';
import type { ParsedStack } from './schema.ts';

export interface HostSpec {
  readonly name: string;
  readonly address: string;
  readonly roles: readonly Role[];
  /** Share of the web requests; 0 takes no new ones. */
  readonly weight: number;
  /** OpenSSH destination; undefined for a lab host. */
  readonly ssh: string | undefined;
  /** Network interface that carries `address` and the floating addresses. */
  readonly interface: string;
  /** Roles that the host is about to take or to give up; only while `up` changes which hosts there are. */
  readonly transit?: {
    readonly joining: readonly Role[];
    readonly leaving: readonly Role[];
  };
}

export interface Spec extends Omit<ParsedStack, 'hosts' | 'site' | 'network'> {
  /** In the order of the stack file: the first of a role is the preferred one. */
  readonly hosts: readonly HostSpec[];
  readonly site: Omit<ParsedStack['site'], 'addresses' | 'domain'> & {
    /** Floating addresses; `addresses[i]` prefers the i-th balancer. */
    readonly addresses: readonly [string, ...string[]];
    readonly domain: string;
  };
  readonly network: Omit<ParsedStack['network'], 'operators'> & {
    /** The address of the machine itself in a lab's network (the bridge), the first of the subnet. */
    readonly gateway: string;
    readonly operators: readonly string[];
  };
}

/** Whether the hosts are servers over SSH; otherwise they are the lab's. */
export function isOnServers(spec: Spec): boolean {
  return spec.hosts.some((host) => host.ssh !== undefined);
}

/** Web hosts that get requests: not those that are still coming, or going. */
export function servingWebHosts(spec: Spec): readonly HostSpec[] {
  const moves = ({ transit }: HostSpec) => [...(transit?.joining ?? []), ...(transit?.leaving ?? [])];
  return hostsWithRole(spec, 'web').filter((host) => !moves(host).includes('web'));
}

export function hostsWithRole(spec: Spec, role: Role): readonly HostSpec[] {
  return hostsByRole(spec).get(role) ?? [];
}

/** Every host's files ask for every tier. */
const hostsByRole = oncePer(({ hosts }: Spec): ReadonlyMap<Role, readonly HostSpec[]> => {
  const byRole = new Map<Role, HostSpec[]>();
  for (const host of hosts) {
    for (const role of host.roles) {
      const tier = byRole.get(role);
      if (tier === undefined) byRole.set(role, [host]);
      else tier.push(host);
    }
  }
  return byRole;
});

/** A host by its name; undefined when there is none. */
export function hostByName(spec: Spec, name: string): HostSpec | undefined {
  return hostsByName(spec).get(name);
}

const hostsByName = oncePer(({ hosts }: Spec) => new Map(hosts.map((host) => [host.name, host])));
