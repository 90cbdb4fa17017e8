/**
 * Addresses that the stack file leaves open: the same file always gives the same ones, and a host added at the end
 * moves none (unless the user gives it an address that another one has by default).
 */
import { addressAt, ipv4ToNumber, isIpv4, parseSubnet } from '#src/std/ipv4.ts';
import type { ParsedStack } from './schema.ts';

const firstHost = 11;
const firstFloating = 100;
/** From a /25 up the usual places (.11 up, .100 up) are inside; a smaller subnet is filled from its two ends. */
const roomyPrefix = 25;

export interface ResolvedAddresses {
  /** The subnet's first address: the machine itself in a lab. */
  readonly gateway: string;
  /** In the order of the stack file. */
  readonly hosts: readonly string[];
  readonly floating: readonly [string, ...string[]];
  /** Who may reach SSH and the agents' API, this machine included. */
  readonly operators: readonly string[];
}

export function resolveAddresses(parsed: ParsedStack): ResolvedAddresses {
  const subnet = parseSubnet(parsed.network.subnet);
  const last = subnet.broadcast - subnet.network - 1;
  const gateway = addressAt(subnet, 1);
  const hosts = Object.values(parsed.hosts);
  const taken = new Set([
    gateway,
    ...hosts.flatMap((host) => host.address ?? []),
    ...(parsed.site.addresses ?? []),
  ]);
  /** The first free place of `offsets`; without one the broadcast address, which the rule on the subnet's size reports. */
  const take = (offsets: Iterable<number>): string => {
    for (const offset of offsets) {
      const address = addressAt(subnet, offset);
      if (taken.has(address)) continue;
      taken.add(address);
      return address;
    }
    return addressAt(subnet, last + 1);
  };
  const roomy = subnet.prefixLength <= roomyPrefix;
  const wanted = floatingCount(parsed);
  const floating =
    parsed.site.addresses ??
    Array.from({ length: wanted }, () => take(roomy ? upwards(firstFloating, last) : downwards(last, 2)));
  return {
    gateway,
    floating: floating as [string, ...string[]],
    hosts: hosts.map((host) => host.address ?? take(upwards(roomy ? firstHost : 2, last))),
    operators: hosts.some((host) => host.ssh !== undefined)
      ? (parsed.network.operators ?? [])
      : withGateway(parsed.network.operators ?? [], gateway),
  };
}

/** How many floating addresses the mode of the balancers asks for. */
export function floatingCount(parsed: ParsedStack): number {
  if (parsed.balancer.mode === 'active-passive') return 1;
  return Math.max(1, Object.values(parsed.hosts).filter((host) => host.roles.includes('balancer')).length);
}

/** `up` speaks to the agents from this machine, so it is an operator whatever the file says. */
function withGateway(operators: readonly string[], gateway: string): readonly string[] {
  return operators.some((operator) => covers(operator, gateway)) ? operators : [gateway, ...operators];
}

/** Whether the address or network `left` holds the whole of `right`. */
export function covers(left: string, right: string): boolean {
  const [outer, inner] = [left, right].map((text) => parseSubnet(isIpv4(text) ? `${text}/32` : text));
  if (outer === undefined || inner === undefined) return false;
  return outer.network <= ipv4ToNumber(right.split('/')[0] ?? right) && inner.broadcast <= outer.broadcast;
}

function* upwards(from: number, to: number): Generator<number> {
  for (let offset = from; offset <= to; offset++) yield offset;
}

function* downwards(from: number, to: number): Generator<number> {
  for (let offset = from; offset >= to; offset--) yield offset;
}
