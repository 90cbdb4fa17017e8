/**
 * Who may talk to whom, over what: the one source of every host's firewall and of `tandem plan --flows`. A connection
 * that is not a flow is dropped.
 */
import { type HostSpec, hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { networkAround } from '#src/std/ipv4.ts';
import { oncePer } from '#src/std/once-per.ts';
import { monitoringFlows } from './monitoring-flows.ts';
import { ports } from './ports.ts';

/** `any`: everybody; `operators`: `network.operators`; otherwise the hosts by name. */
export type FlowSource = 'any' | 'operators' | readonly string[];

export interface Flow {
  readonly from: FlowSource;
  /** Name of the host that is spoken to. */
  readonly to: string;
  readonly protocol: 'tcp' | 'vrrp' | 'icmp';
  /** For tcp only. */
  readonly port?: number;
  /** The service that answers. */
  readonly service: string;
  readonly purpose: string;
  readonly encryption: 'TLS' | 'mutual TLS' | 'TLS and password' | 'none (redirect to TLS)' | 'none' | 'SSH';
  /** Reached by the floating addresses too, whichever host has them; what is from `any` always is. */
  readonly floating?: boolean;
  /** New connections per second and source are limited (public ports). */
  readonly limited?: boolean;
}

export function deriveFlows(spec: Spec): readonly Flow[] {
  return derived(spec).flows;
}

/** The same service, spoken to for the same purpose, on one or more hosts: flows that differ in `to` (and `from`) only. */
export interface Destination extends Omit<Flow, 'from' | 'to'> {
  readonly to: readonly [string, ...string[]];
  /** Whether everybody may speak to it. */
  readonly isPublic: boolean;
}

/** The flows that end at one host, and what its own connections may go to, in the order of `deriveFlows`. */
export interface HostFlows {
  readonly inbound: readonly Flow[];
  readonly outbound: readonly Destination[];
}

export function flowsOf(spec: Spec, host: HostSpec): HostFlows {
  return derived(spec).byHost.get(host.name) ?? { inbound: [], outbound: [] };
}

interface Derived {
  readonly flows: readonly Flow[];
  readonly byHost: ReadonlyMap<string, HostFlows>;
}

/** A stack's flows grow with the square of its hosts, and every host's firewall asks for them: derived once a stack. */
const derived = oncePer((spec: Spec): Derived => {
  const flows = spec.hosts.flatMap((host) => [
    ...balancerFlows(spec, host),
    ...webFlows(spec, host),
    ...databaseFlows(spec, host),
    ...quorumFlows(spec, host),
    ...hostFlows(spec, host),
    ...monitoringFlows(spec, host),
  ]);
  return { flows, byHost: sortByHost(spec, flows) };
});

type Growing = Omit<Destination, 'to'> & { readonly to: [string, ...string[]] };

function sortByHost(spec: Spec, flows: readonly Flow[]): ReadonlyMap<string, HostFlows> {
  const inbound = new Map(spec.hosts.map(({ name }) => [name, [] as Flow[]]));
  const outbound = new Map(spec.hosts.map(({ name }) => [name, new Map<string, Growing>()]));
  const everybody = spec.hosts.map(({ name }) => name);
  const operators = spec.hosts
    .filter(({ address }) => spec.network.operators.some((operator) => covers(operator, address)))
    .map(({ name }) => name);
  for (const flow of flows) {
    inbound.get(flow.to)?.push(flow);
    const { from, to, ...what } = flow;
    const sources = from === 'any' ? everybody : from === 'operators' ? operators : from;
    const kind = JSON.stringify([from === 'any', what]);
    for (const source of sources) {
      if (source === to) continue;
      const destinations = outbound.get(source);
      const known = destinations?.get(kind);
      if (known === undefined) destinations?.set(kind, { ...what, to: [to], isPublic: from === 'any' });
      else known.to.push(to);
    }
  }
  return new Map(
    spec.hosts.map(({ name }) => [
      name,
      { inbound: inbound.get(name) ?? [], outbound: [...(outbound.get(name)?.values() ?? [])] },
    ]),
  );
}

function covers(addressOrCidr: string, address: string): boolean {
  const [network = '', length = '32'] = addressOrCidr.split('/');
  return networkAround(`${address}/${length}`) === networkAround(`${network}/${length}`);
}

function others(hosts: readonly HostSpec[], host: HostSpec): readonly string[] {
  return hosts.filter((other) => other.name !== host.name).map((other) => other.name);
}

/** Flows without any source are none. */
function between(from: readonly string[], flow: Omit<Flow, 'from'>): readonly Flow[] {
  return from.length === 0 ? [] : [{ from, ...flow }];
}

function balancerFlows(spec: Spec, host: HostSpec): readonly Flow[] {
  if (!host.roles.includes('balancer')) return [];
  const to = host.name;
  const redirect = 'none (redirect to TLS)';
  return [
    {
      from: 'any',
      to,
      protocol: 'tcp',
      port: spec.site.httpPort,
      service: 'haproxy',
      purpose: 'redirect to HTTPS',
      encryption: redirect,
      limited: true,
    },
    {
      from: 'any',
      to,
      protocol: 'tcp',
      port: spec.site.httpsPort,
      service: 'haproxy',
      purpose: 'the site',
      encryption: 'TLS',
      limited: true,
    },
    {
      from: 'operators',
      to,
      protocol: 'tcp',
      port: ports.balancerMetrics,
      service: 'haproxy',
      purpose: 'Prometheus metrics',
      encryption: 'mutual TLS',
    },
    {
      from: 'operators',
      to,
      protocol: 'tcp',
      port: ports.dashboard,
      service: 'dashboard',
      purpose: 'the dashboard and its API',
      encryption: 'TLS and password',
      floating: true,
    },
    ...between(others(hostsWithRole(spec, 'balancer'), host), {
      to,
      protocol: 'vrrp',
      service: 'keepalived',
      purpose: 'who holds the floating address',
      encryption: 'none',
    }),
  ];
}

function webFlows(spec: Spec, host: HostSpec): readonly Flow[] {
  if (!host.roles.includes('web')) return [];
  return [
    ...between(others(hostsWithRole(spec, 'balancer'), host), {
      to: host.name,
      protocol: 'tcp',
      port: ports.web,
      service: 'nginx',
      purpose: 'requests from the balancers',
      encryption: 'mutual TLS',
    }),
    ...routerFlows(spec, host),
  ];
}

function routerFlows(spec: Spec, host: HostSpec): readonly Flow[] {
  return between(others(hostsWithRole(spec, 'web'), host), {
    to: host.name,
    protocol: 'tcp',
    port: ports.router,
    service: 'router',
    purpose: 'KILL of a session of another host',
    encryption: 'mutual TLS',
  });
}

function databaseFlows(spec: Spec, host: HostSpec): readonly Flow[] {
  if (!host.roles.includes('database')) return [];
  const clients = spec.hosts.filter(
    (other) => other.roles.includes('web') || other.roles.includes('database'),
  );
  return between(others(clients, host), {
    to: host.name,
    protocol: 'tcp',
    port: ports.mariadb,
    service: 'mariadb',
    purpose: 'statements of the SQL routers, and replication',
    encryption: 'TLS and password',
  });
}

function quorumFlows(spec: Spec, host: HostSpec): readonly Flow[] {
  if (!host.roles.includes('quorum')) return [];
  return [
    ...between(others(spec.hosts, host), {
      to: host.name,
      protocol: 'tcp',
      port: ports.etcdClient,
      service: 'etcd',
      purpose: 'leases and shared state',
      encryption: 'mutual TLS',
    }),
    ...between(others(hostsWithRole(spec, 'quorum'), host), {
      to: host.name,
      protocol: 'tcp',
      port: ports.etcdPeer,
      service: 'etcd',
      purpose: 'etcd members among themselves',
      encryption: 'mutual TLS',
    }),
  ];
}

function hostFlows(spec: Spec, host: HostSpec): readonly Flow[] {
  const to = host.name;
  const agent = {
    to,
    protocol: 'tcp',
    port: ports.agent,
    service: 'agent',
    encryption: 'mutual TLS',
  } as const;
  return [
    ...between(others(spec.hosts, host), { ...agent, purpose: 'agents among themselves' }),
    { from: 'operators', ...agent, purpose: 'the command-line tool' },
    {
      from: 'any',
      to,
      protocol: 'icmp',
      service: 'kernel',
      purpose: 'echo, unreachable, path MTU',
      encryption: 'none',
    },
    ...(host.ssh === undefined
      ? []
      : [
          {
            from: 'operators',
            to,
            protocol: 'tcp',
            port: spec.ssh.port,
            service: 'sshd',
            purpose: 'administration',
            encryption: 'SSH',
          } as const,
        ]),
  ];
}
