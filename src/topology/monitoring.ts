/**
 * Where monitoring runs, and what others may rely on: Prometheus on (at most) two hosts, each of which watches the whole
 * stack by itself, so a reader takes whichever answers.
 */
import { type HostSpec, hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { oncePer } from '#src/std/once-per.ts';
import { ports } from './ports.ts';

export type MonitoringSpec = Exclude<Spec['monitoring'], false>;

/** Undefined when the stack has none (`monitoring: false`). */
export function monitoringOf(spec: Spec): MonitoringSpec | undefined {
  return spec.monitoring === false ? undefined : spec.monitoring;
}

/** Hosts with Prometheus and Alertmanager: as the stack file says, or the first two, balancers without a database first. */
export const monitoringHosts = oncePer((spec: Spec): readonly HostSpec[] => {
  const monitoring = monitoringOf(spec);
  if (monitoring === undefined) return [];
  const named = monitoring.hosts;
  if (named !== undefined) return spec.hosts.filter(({ name }) => named.includes(name));
  const rank = ({ roles }: HostSpec): number =>
    Number(roles.includes('database')) * 2 + Number(!roles.includes('balancer'));
  return spec.hosts.toSorted((left, right) => rank(left) - rank(right)).slice(0, 2);
});

export interface HttpEndpoint {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** `https://ADDRESS:PORT`, without a slash at the end. */
  readonly url: string;
}

/**
 * Prometheus' HTTP API (`/api/v1/query`, `/api/v1/query_range`, `/api/v1/alerts`). Mutual TLS with the stack's internal
 * authority: any certificate of it is let in (`Material.hosts[HOST]` on a host, the operator's on this machine), and the
 * server's is valid for its name and address. Flows: the monitoring hosts, the balancers, and operators.
 */
export function prometheusEndpoints(spec: Spec): readonly HttpEndpoint[] {
  return monitoringHosts(spec).map((host) => endpoint(host, ports.prometheus));
}

/** Alertmanager's HTTP API (`/api/v2/alerts`, `/api/v2/silences`), on the same terms. Flows: all hosts, and operators. */
export function alertmanagerEndpoints(spec: Spec): readonly HttpEndpoint[] {
  return monitoringHosts(spec).map((host) => endpoint(host, ports.alertmanager));
}

function endpoint({ name, address }: HostSpec, port: number): HttpEndpoint {
  return { host: name, address, port, url: `https://${address}:${port}` };
}

/** Who reads Prometheus: the other monitoring host, and the dashboard on the balancers' hosts. */
export function prometheusReaders(spec: Spec): readonly HostSpec[] {
  const readers = new Set([...monitoringHosts(spec), ...hostsWithRole(spec, 'balancer')]);
  return spec.hosts.filter((host) => readers.has(host));
}

/** Every series carries the name of its host in this label, and what it is of in `job`. */
export const hostLabel = 'instance';

/**
 * Series that Prometheus computes every half minute, rates over a minute (four scrapes, when these are rarer): what dashboards and alerts ask for, at the price of one series each.
 * `instance` is the host's name in all of them.
 */
export const recorded = {
  /** Requests per second by balancer. */
  requests: 'tandem:site_requests:rate',
  /** Share (0 to 1) of the requests that were answered with 5xx, whole site; no labels. */
  errorRatio: 'tandem:site_errors:ratio',
  /** Requests per second by web host (label `server`), all balancers together. */
  webRequests: 'tandem:web_requests:rate',
  /** Mean time in seconds until a web host (label `server`) had answered, of the last 1024 requests. */
  webResponseSeconds: 'tandem:web_response_seconds:avg',
  /** Statements per second by web host (`instance`) and database member (label `member`). */
  statements: 'tandem:statements:rate',
  /** 95 % of the statements of a web host (`instance`) took at most so many seconds, waits included. */
  statementSeconds: 'tandem:statement_seconds:p95',
  /** Errors of statements per second by web host (`instance`). */
  statementErrors: 'tandem:statement_errors:rate',
  /** Seconds behind the primary by member (`instance`). */
  lagSeconds: 'tandem:database_lag_seconds',
  /** Share (0 to 1) of the processors' time in use, by host. */
  cpu: 'tandem:cpu:ratio',
  /** Share (0 to 1) of the memory in use, by host. */
  memory: 'tandem:memory:ratio',
  /** Share (0 to 1) in use of the fullest file system that Tandem writes to, by host. */
  disk: 'tandem:disk:ratio',
  /** Bytes per second by host, in and out. */
  networkIn: 'tandem:network_receive_bytes:rate',
  networkOut: 'tandem:network_transmit_bytes:rate',
} as const;

/** Unix user of everything that monitors; Debian's packages make it. */
export const monitoringUser = 'prometheus';

/**
 * MariaDB's account of mysqld_exporter: local socket only, no privileges. It has the name of its unix user, because that is
 * what the server compares (plugin unix_socket).
 */
export const exporterAccount = monitoringUser;

/**
 * Common name of the certificates of everything that monitors. No host can have it (a dot), and agents let it read
 * metrics, nothing else.
 */
export const monitoringName = 'tandem.monitoring';

/** Paths of metrics at the agent's API. */
export const agentMetricsPaths = {
  agent: '/metrics',
  router: '/metrics/router',
  nginx: '/metrics/nginx',
} as const;
