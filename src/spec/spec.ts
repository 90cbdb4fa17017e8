/** The stack as the rest of Tandem reads it: every default filled in, every host with its address. */
import type { ParsedStack, Role } from './schema.ts';

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
  return spec.hosts.filter((host) => host.roles.includes(role));
}
