/** The order in which hosts are upgraded, and what restarts on each: what serves now comes last in its tier. */
import type { HostSpec } from '#src/spec/spec.ts';

export interface Leaders {
  /** Who leads the database; null when nobody does. */
  readonly primary: string | null;
  /** Who holds the floating address. */
  readonly balancer: string | null;
}

/** Replicas and idle balancers first, then the balancer that holds the address, the primary last. */
export function upgradeOrder(
  hosts: readonly HostSpec[],
  { primary, balancer }: Leaders,
): readonly HostSpec[] {
  const rank = ({ name }: HostSpec) => (name === primary ? 2 : name === balancer ? 1 : 0);
  return hosts.toSorted((left, right) => rank(left) - rank(right));
}

/** What is used is started before what uses it. Services that are not named come as they are, in between. */
const startOrder = [
  'firewall',
  'etcd',
  'mariadb',
  'agent',
  'router',
  'app',
  'nginx',
  'haproxy',
  'keepalived',
];

export function restartOrder(services: readonly string[]): readonly string[] {
  const rank = (name: string) => {
    const at = startOrder.indexOf(name.startsWith('app-') ? 'app' : name);
    return at < 0 ? startOrder.length / 2 : at;
  };
  return services.toSorted((left, right) => rank(left) - rank(right));
}

/** Services that requests pass through on a web host: it is taken out of service while one of them restarts. */
export function servesRequests(service: string): boolean {
  return service === 'nginx' || service === 'router' || service.startsWith('app-');
}
