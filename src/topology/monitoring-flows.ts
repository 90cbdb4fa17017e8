/** Who reads whose figures, and where alerts go. */
import type { HostSpec, Spec } from '#src/spec/spec.ts';
import type { Flow } from './flows.ts';
import { monitoringHosts, monitoringOf, monitoringUser, prometheusReaders } from './monitoring.ts';
import { ports } from './ports.ts';

export function monitoringFlows(spec: Spec, host: HostSpec): readonly Flow[] {
  if (monitoringOf(spec) === undefined) return [];
  const watchers = monitoringHosts(spec);
  const has = (role: HostSpec['roles'][number]) => host.roles.includes(role);
  const scraped = (port: number, service: string): readonly Flow[] =>
    from(watchers, host, { port, service, purpose: 'Prometheus reads metrics' });
  return [
    ...scraped(ports.nodeExporter, 'node-exporter'),
    ...(has('database') ? scraped(ports.mysqldExporter, 'mysqld-exporter') : []),
    ...(has('balancer') ? scraped(ports.balancerMetrics, 'haproxy') : []),
    ...(watchers.includes(host) ? watcherFlows(spec, host) : []),
  ];
}

function watcherFlows(spec: Spec, host: HostSpec): readonly Flow[] {
  const readers = prometheusReaders(spec);
  const prometheus = { port: ports.prometheus, service: 'prometheus' };
  const alertmanager = { port: ports.alertmanager, service: 'alertmanager' };
  return [
    ...from(readers, host, { ...prometheus, purpose: 'queries' }),
    ofOperators(host, { ...prometheus, purpose: 'queries' }),
    ...from(readers, host, { ...alertmanager, purpose: 'alerts and silences' }),
    ofOperators(host, { ...alertmanager, purpose: 'alerts and silences' }),
    ...from(monitoringHosts(spec), host, {
      port: ports.alertmanagerCluster,
      service: 'alertmanager',
      purpose: 'what was told already, between the two',
    }),
  ];
}

type What = Pick<Flow, 'service' | 'purpose'> & { readonly port: number };

function from(hosts: readonly HostSpec[], to: HostSpec, what: What): readonly Flow[] {
  const sources = hosts.filter((host) => host !== to).map(({ name }) => name);
  if (sources.length === 0) return [];
  return [{ from: sources, to: to.name, protocol: 'tcp', encryption: 'mutual TLS', ...what }];
}

function ofOperators(to: HostSpec, what: What): Flow {
  return { from: 'operators', to: to.name, protocol: 'tcp', encryption: 'mutual TLS', ...what };
}

/** A connection that leaves the stack: allowed for one unix user of one host, to one port. */
export interface Departure {
  readonly from: string;
  /** Unix user whose processes may open it. */
  readonly user: string;
  /** An IPv4 address, or `any` where the receiver is known by name only. */
  readonly to: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly purpose: string;
}

const dns = 53;

/** Where the alerts' receivers are; resolved by name only where the stack file gives a name. */
export function departures(spec: Spec, host: HostSpec): readonly Departure[] {
  const alerts = monitoringOf(spec)?.alerts;
  if (alerts === undefined || !monitoringHosts(spec).includes(host)) return [];
  const receivers = [...alerts.webhooks.map(({ url }) => placeOf(url)), ...mailServer(alerts.email?.smtp)];
  const depart = (to: string, port: number, purpose: string, protocol: 'tcp' | 'udp' = 'tcp'): Departure => ({
    from: host.name,
    user: monitoringUser,
    to,
    port,
    protocol,
    purpose,
  });
  const named = receivers.some(({ address }) => address === 'any');
  const all = [
    ...receivers.map(({ address, port }) => depart(address, port, 'receivers of alerts')),
    ...(named
      ? [depart('any', dns, 'names of receivers', 'udp'), depart('any', dns, 'names of receivers')]
      : []),
  ];
  const key = ({ to, port, protocol }: Departure) => `${to} ${port} ${protocol}`;
  return all.filter((one, index) => all.findIndex((other) => key(other) === key(one)) === index);
}

interface Place {
  readonly address: string;
  readonly port: number;
}

/** Of a URL that the schema has let through. */
function placeOf(url: string): Place {
  const [, scheme = '', name = '', port] = /^(https?):\/\/([^/:]+)(?::(\d+))?/.exec(url) ?? [];
  return { address: addressOrAny(name), port: Number(port ?? (scheme === 'https' ? 443 : 80)) };
}

function mailServer(smtp: string | undefined): readonly Place[] {
  if (smtp === undefined) return [];
  const [name = '', port = ''] = smtp.split(':');
  return [{ address: addressOrAny(name), port: Number(port) }];
}

function addressOrAny(name: string): string {
  return /^[0-9.]+$/.test(name) ? name : 'any';
}
