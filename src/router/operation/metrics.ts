/**
 * The router in figures, in Prometheus' text format. Statements only add to plain numbers (`statistics.ts`); what is
 * here reads them when it is asked. @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import { Counter, Gauge, type Metric, Registry } from 'prom-client';
import type { Router } from '../router.ts';
import { type ClassStatistics, latencyBoundsUs, type MemberStatistics } from './statistics.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

const prefix = 'tandem_router_';

/** Of one metric, with how those of several workers become one; plain data. */
export interface MetricValues {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
  readonly values: readonly object[];
}

const registries = new WeakMap<Router, Registry>();

/** What a worker tells of itself. */
export async function metricValues(router: Router): Promise<readonly MetricValues[]> {
  const registry = registries.get(router) ?? routerMetrics(router);
  registries.set(router, registry);
  return (await registry.getMetricsAsJSON()) as unknown as MetricValues[];
}

/** The metrics of one worker. */
export function routerMetrics(router: Router): Registry {
  const registry = new Registry();
  const counter = (name: string, help: string, labelNames: string[], read: () => Iterable<Sample>): void => {
    new Counter({
      name: `${prefix}${name}`,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
  };
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    read: () => Iterable<Sample>,
    aggregator: 'sum' | 'max' = 'sum',
  ): void => {
    new Gauge({
      name: `${prefix}${name}`,
      help,
      labelNames,
      aggregator,
      registers: [registry],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  };
  const { statistics } = router.observer;
  const { members } = statistics;
  const perClass = (value: (counted: ClassStatistics) => number) => (): Iterable<Sample> =>
    [...classesOf(members)].map(([labels, counted]) => [labels, value(counted)]);
  const perMember = (value: (counted: MemberStatistics) => number) => (): Iterable<Sample> =>
    [...members].map(([member, counted]) => [{ member }, value(counted)]);
  const one = (value: () => number) => (): Iterable<Sample> => [[{}, value()]];
  const perPool = (value: (pool: PoolFigures) => number) => (): Iterable<Sample> =>
    poolFigures(router).map((pool) => [{ member: pool.member, role: pool.role }, value(pool)]);

  const of = ['member', 'class'];
  counter(
    'statements_total',
    'Statements that a member answered.',
    of,
    perClass((each) => each.statements),
  );
  counter(
    'rows_total',
    'Rows in their answers.',
    of,
    perClass((each) => each.rows),
  );
  counter(
    'response_bytes_total',
    'Bytes of their answers.',
    of,
    perClass((each) => each.bytes),
  );
  counter(
    'statement_errors_total',
    'Answers that were errors.',
    of,
    perClass((each) => each.errors),
  );
  registry.registerMetric(latencyHistogram(members));
  counter('routed_total', 'Statements by where they went, and why.', ['slot', 'reason'], () =>
    [...statistics.reasons()].map(({ slot, reason, count }) => [{ slot, reason }, count]),
  );
  counter(
    'errors_total',
    'What went wrong, by kind; "server" is an error of a member passed on.',
    ['kind'],
    () => Object.entries(statistics.errors).map(([kind, count]) => [{ kind }, count]),
  );
  counter(
    'resent_total',
    'Statements that a demoted primary refused, sent to the next one.',
    [],
    one(() => statistics.resent),
  );
  counter(
    'held_total',
    'Statements that had to wait for a primary.',
    [],
    one(() => statistics.heldTotal),
  );
  gauge(
    'held_statements',
    'Statements that wait for a primary now.',
    [],
    one(() => statistics.held),
  );
  gauge(
    'waiting_statements',
    'Statements that wait for anything: a connection, a position, a primary.',
    [],
    one(() => statistics.waiting),
  );
  gauge(
    'waiting_bytes',
    'Bytes of these.',
    [],
    one(() => statistics.waitingBytes),
  );
  const pool = ['member', 'role'];
  gauge(
    'pool_connections',
    'Connections to a member.',
    pool,
    perPool((each) => each.connections),
  );
  gauge(
    'pool_idle_connections',
    'Those that no session has.',
    pool,
    perPool((each) => each.idle),
  );
  gauge(
    'pool_waiting_sessions',
    'Sessions that wait for one.',
    pool,
    perPool((each) => each.waiting),
  );
  gauge(
    'pool_outstanding_statements',
    'Statements under way.',
    pool,
    perPool((each) => each.outstanding),
  );
  const member = ['member'];
  counter(
    'connects_total',
    'Connections made to a member.',
    member,
    perMember((each) => each.connected),
  );
  counter(
    'connect_failures_total',
    'Connections to a member that could not be made.',
    member,
    perMember((each) => each.connectFailures),
  );
  counter(
    'connections_broken_total',
    'Connections that a member ended.',
    member,
    perMember((each) => each.broken),
  );
  gauge(
    'client_connections',
    'Connections of clients, logged in or not.',
    [],
    one(() => router.clients),
  );
  gauge(
    'sessions',
    'Clients that are logged in.',
    [],
    one(() => router.sessions.size),
  );
  gauge(
    'draining',
    'Workers that take no more clients and wait for their sessions.',
    [],
    one(() => Number(router.draining)),
  );
  gauge(
    'member_lag_seconds',
    'Behind the primary, as the router sees it; absent when unknown.',
    member,
    () =>
      router.shared
        .members()
        .flatMap(({ name, role, lagMs }): Sample[] =>
          role === 'replica' && lagMs !== undefined ? [[{ member: name }, lagMs / 1_000]] : [],
        ),
    'max',
  );
  return registry;
}

export interface PoolFigures {
  readonly member: string;
  readonly role: string;
  readonly connections: number;
  readonly limit: number;
  readonly idle: number;
  readonly waiting: number;
  readonly outstanding: number;
}

/** One for each member and role. */
export function poolFigures({ members }: Router): readonly PoolFigures[] {
  return [...members.all()].map((pool) => ({
    member: pool.member.name,
    role: pool.member.role,
    connections: pool.size,
    limit: pool.limit,
    idle: pool.idle,
    waiting: pool.waiting,
    outstanding: pool.outstanding,
  }));
}

/** Only classes that there were statements of: a series for each possible one would be mostly zeros. */
function* classesOf(members: ReadonlyMap<string, MemberStatistics>): Iterable<[Labels, ClassStatistics]> {
  for (const [member, { classes }] of members) {
    for (const [name, counted] of Object.entries(classes)) {
      if (counted.statements > 0) yield [{ member, class: name }, counted];
    }
  }
}

/**
 * prom-client's own histogram takes values one at a time. A registry asks a metric no more than `get`, so this one gives
 * the sums that there are.
 */
function latencyHistogram(members: ReadonlyMap<string, MemberStatistics>): Metric {
  const name = `${prefix}statement_seconds`;
  const help = 'From the arrival of a statement to the end of its answer, waits included.';
  const get = () => ({
    name,
    help,
    type: 'histogram',
    aggregator: 'sum',
    values: [...classesOf(members)].flatMap(([labels, { buckets, statements, tookMs }]) => {
      let count = 0;
      const bounds = latencyBoundsUs.map((bound, index) => {
        count += buckets[index] as number;
        return { metricName: `${name}_bucket`, labels: { ...labels, le: bound / 1e6 }, value: count };
      });
      return [
        ...bounds,
        { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: statements },
        { metricName: `${name}_sum`, labels, value: tookMs / 1_000 },
        { metricName: `${name}_count`, labels, value: statements },
      ];
    }),
  });
  return { name, help, type: 'histogram', aggregator: 'sum', get } as unknown as Metric;
}
