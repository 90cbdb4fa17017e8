/** The stack as it is shown, from what etcd and the agents say; pure. */
import { printPosition } from '#src/gtid/position.ts';
import { failoverPossible } from '#src/ha/failover-possible.ts';
import { type Cluster, type MemberReport, standbyOf } from '#src/ha/keys.ts';
import type { HistoryRecord, MaintenanceRecord } from '#src/ha/store-format.ts';
import type { DashboardConfig } from '#src/topology/dashboard-config.ts';
import type { HostOverview } from '#src/topology/figures.ts';
import type { StackState } from '../api/schemas.ts';
import { type HostRates, sum } from './rates.ts';
import { problemsOf } from './trouble.ts';

export interface Seen {
  readonly overview: HostOverview;
  readonly rates: HostRates;
}

export interface Inputs {
  readonly config: DashboardConfig;
  readonly nowMs: number;
  readonly cluster: Cluster | null;
  readonly history: readonly HistoryRecord[];
  readonly maintenance: MaintenanceRecord | null;
  /** etcd is being followed. */
  readonly quorum: boolean;
  /** By host; missing: its agent does not answer. */
  readonly seen: ReadonlyMap<string, Seen>;
  /** Hosts that were not asked yet. */
  readonly pending: ReadonlySet<string>;
}

export function stackState(inputs: Inputs): StackState {
  const { config, nowMs } = inputs;
  const balancers = config.hosts.filter(({ roles }) => roles.includes('balancer'));
  const views = balancers.flatMap(({ name }) => inputs.seen.get(name) ?? []);
  const state: StackState = {
    stack: config.stack,
    atMs: nowMs,
    servedBy: config.host,
    healthy: true,
    problems: [],
    site: {
      url: config.siteUrl,
      addresses: config.floatingAddresses.map((address) => ({
        address,
        holders: balancers.map(({ name }) => name).filter((name) => heldBy(inputs, name).includes(address)),
      })),
      requestsPerSecond: sum(views.map(({ rates }) => rates.siteRequests)),
      errorsPerSecond: sum(views.map(({ rates }) => rates.siteErrors)),
    },
    hosts: config.hosts.map((host) => hostState(host, inputs)),
    balancers: balancers.map(({ name }) => balancerState(name, inputs)),
    web: config.hosts.filter(({ roles }) => roles.includes('web')).map(({ name }) => webState(name, inputs)),
    database: databaseState(inputs),
    flows: flows(inputs),
  };
  const problems = problemsOf(state, inputs.pending);
  return { ...state, healthy: problems.length === 0, problems: [...problems] };
}

function heldBy({ seen }: Inputs, host: string): readonly string[] {
  return seen.get(host)?.overview.status.balancer?.heldAddresses ?? [];
}

function hostState(host: DashboardConfig['hosts'][number], { seen }: Inputs): StackState['hosts'][number] {
  const overview = seen.get(host.name)?.overview;
  const figures = overview?.figures;
  const used = (available: number | undefined, total: number | undefined) =>
    available === undefined || total === undefined || total === 0 ? null : 1 - available / total;
  return {
    name: host.name,
    address: host.address,
    roles: [...host.roles],
    reachable: overview !== undefined,
    services: (overview?.services ?? []).map((service) => ({ ...service })),
    load: figures === undefined ? null : figures.load1 / Math.max(1, figures.cores),
    memoryUsed: used(figures?.memoryAvailableBytes, figures?.memoryTotalBytes),
    diskUsed: used(figures?.diskAvailableBytes, figures?.diskTotalBytes),
    warnings: [...(overview?.status.warnings ?? [])],
    faults: (figures?.faults ?? []).map((fault) => ({ ...fault })),
  };
}

function balancerState(host: string, inputs: Inputs): StackState['balancers'][number] {
  const overview = inputs.seen.get(host)?.overview;
  const addresses = [...heldBy(inputs, host)];
  const isUp = overview?.status.balancer?.haproxyHealthy === true;
  return {
    host,
    state: !isUp ? 'down' : addresses.length > 0 ? 'active' : 'passive',
    addresses,
    connections: overview?.figures.balancer?.connections ?? null,
  };
}

/** As the balancer sees it that holds an address; else as any does. */
function webState(host: string, inputs: Inputs): StackState['web'][number] {
  const balancers = [...inputs.seen].filter(([, { overview }]) => overview.figures.balancer !== undefined);
  const ordered = balancers.toSorted(
    ([a], [b]) => heldBy(inputs, b).length - heldBy(inputs, a).length || (a < b ? -1 : 1),
  );
  const [, first] = ordered[0] ?? [];
  const server = first?.overview.figures.balancer?.servers.find(({ name }) => name === host);
  return {
    host,
    state: server?.state ?? 'unknown',
    weight: server?.weight ?? null,
    configuredWeight: server?.configuredWeight ?? null,
    requestsPerSecond: sum(ordered.map(([, { rates }]) => rates.web[host])),
    latencyMs: server?.latencyMs ?? null,
  };
}

function databaseState(inputs: Inputs): StackState['database'] {
  const { cluster, config, history, maintenance } = inputs;
  const sync = cluster?.sync ?? null;
  const leads =
    sync !== null && cluster?.leader?.holder === sync.leader && isUp(cluster.members[sync.leader]);
  const possible = failoverPossible(cluster, config.sync);
  return {
    primary: leads ? sync.leader : null,
    epoch: sync?.epoch ?? null,
    sinceMs: history.find(({ epoch }) => epoch === sync?.epoch)?.atMs ?? null,
    quorum: inputs.quorum,
    maintenance: maintenance === null ? null : { ...maintenance },
    switchover: cluster?.request == null ? null : { to: cluster.request.to },
    members: config.hosts
      .filter(({ roles }) => roles.includes('database'))
      .map(({ name }) => memberState(name, inputs)),
    failover: possible.possible
      ? { possible: true, reason: `${possible.to} would take over` }
      : { possible: false, reason: possible.reason },
  };
}

function isUp(report: MemberReport | undefined): boolean {
  return report?.up === true;
}

function memberState(host: string, { cluster, seen }: Inputs): StackState['database']['members'][number] {
  const report = cluster?.members[host];
  const sync = cluster?.sync ?? null;
  const told = seen.get(host)?.overview.status.database;
  const role =
    report === undefined ? 'unknown' : !report.up ? 'down' : sync?.leader === host ? 'primary' : 'replica';
  return {
    host,
    role,
    sync: sync !== null && standbyOf(sync) === host,
    following: report?.following ?? null,
    lagSeconds: role === 'replica' ? (told?.lagSeconds ?? null) : null,
    position: report === undefined ? null : printPosition(report.received),
    problem: report?.problem ?? null,
    explanation: told?.explanation ?? null,
  };
}

function flows({ config, seen, cluster }: Inputs): StackState['flows'] {
  const found: StackState['flows'] = [];
  for (const [from, { rates }] of seen) {
    for (const [to, perSecond] of Object.entries(rates.web)) {
      found.push({ from, to, kind: 'requests', perSecond });
    }
    for (const [to, perSecond] of Object.entries(rates.statements)) {
      found.push({ from, to, kind: 'statements', perSecond });
    }
  }
  for (const { name } of config.hosts) {
    const source = cluster?.members[name]?.following;
    if (source != null) found.push({ from: source, to: name, kind: 'replication', perSecond: null });
  }
  return found;
}
