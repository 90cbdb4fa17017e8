/** Addresses that the stack file leaves open: the same file always gives the same ones, and an added host moves none. */
import { addressAt, parseSubnet } from '#src/std/ipv4.ts';
import type { ParsedStack } from './schema.ts';

const firstHost = 11;
const firstFloating = 100;

export interface ResolvedAddresses {
  /** The subnet's first address: the machine itself in a lab. */
  readonly gateway: string;
  /** In the order of the stack file. */
  readonly hosts: readonly string[];
  readonly floating: readonly [string, ...string[]];
}

export function resolveAddresses(parsed: ParsedStack): ResolvedAddresses {
  const subnet = parseSubnet(parsed.network.subnet);
  const size = subnet.broadcast - subnet.network;
  const gateway = addressAt(subnet, 1);
  const hosts = Object.values(parsed.hosts);
  const explicit = [
    ...hosts.flatMap((host) => host.address ?? []),
    ...(parsed.site.addresses ?? []),
    gateway,
  ];
  const taken = new Set(explicit);
  // In a small subnet the usual places (.11 up, .100 up) are outside: count from its start and its end instead.
  const next = (from: number, step: 1 | -1): string => {
    for (let offset = from; offset > 1 && offset < size; offset += step) {
      const address = addressAt(subnet, offset);
      if (taken.has(address)) continue;
      taken.add(address);
      return address;
    }
    // None left: the rule that checks the subnet's size reports it.
    return addressAt(subnet, size);
  };
  const balancers = hosts.filter((host) => host.roles.includes('balancer')).length;
  const wanted = parsed.balancer.mode === 'active-active' ? Math.max(1, balancers) : 1;
  const roomy = size > firstFloating + wanted;
  const floating =
    parsed.site.addresses ??
    Array.from({ length: wanted }, () => (roomy ? next(firstFloating, 1) : next(size - 1, -1)));
  return {
    gateway,
    hosts: hosts.map((host) => host.address ?? next(roomy ? firstHost : 2, 1)),
    floating: floating as [string, ...string[]],
  };
}
