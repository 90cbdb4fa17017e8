/** What the agent tells Prometheus of its host: services, disks, certificates, the floating address, the database. */

import type { AgentStatus } from '#src/topology/agent-api.ts';
import { hostPaths } from '#src/topology/paths.ts';
import type { AgentContext } from '../context.ts';
import type { DatabaseConcern } from '../database/concern.ts';
import { Certificates } from './certificates.ts';
import { databaseReadings } from './database.ts';
import { disks } from './disks.ts';
import { one, Readings } from './gauges.ts';

export interface MetricsSource {
  readonly context: AgentContext;
  readonly status: () => Promise<AgentStatus>;
  readonly database: DatabaseConcern | undefined;
  /** Since when maintenance is on, milliseconds since the Unix epoch; undefined when it is off, or not known here. */
  readonly maintenanceSinceMs: () => number | undefined;
}

const serviceLimitMs = 2_000;

export function agentMetrics(source: MetricsSource): Readings {
  const readings = new Readings();
  processReadings(readings);
  hostReadings(readings, source);
  serviceReadings(readings, source.context);
  if (source.context.config.balancer !== undefined) balancerReadings(readings, source);
  if (source.database !== undefined) databaseReadings(readings, source.database);
  return readings;
}

/** Named as every Prometheus client names them. */
function processReadings(readings: Readings): void {
  readings.counter('process_cpu_seconds_total', 'Processor time of the agent.', [], () => {
    const { user, system } = process.cpuUsage();
    return one((user + system) / 1e6);
  });
  readings.gauge('process_resident_memory_bytes', 'Memory of the agent.', [], () =>
    one(process.memoryUsage.rss()),
  );
}

function hostReadings(readings: Readings, { context, status, maintenanceSinceMs }: MetricsSource): void {
  const { config } = context;
  const gauge = (
    name: string,
    help: string,
    labels: readonly string[],
    read: Parameters<Readings['gauge']>[3],
  ) => readings.gauge(`tandem_${name}`, help, labels, read);
  gauge('agent_start_time_seconds', 'When the agent started.', [], () => one(context.startedMs / 1_000));
  gauge('quorum_reachable', '1 when etcd answered last time.', [], async () =>
    one((await status()).quorum.reachable),
  );
  gauge('blocklist_entries', 'Addresses that are blocked.', [], async () =>
    one((await status()).blocklistEntries),
  );
  gauge('warnings', '1 for each subject that the agent warns of.', ['subject'], () =>
    context.warnings.subjects().map((subject) => [{ subject }, 1]),
  );
  gauge('clock_offset_seconds', "How far another host's clock is ahead.", ['host'], async () =>
    Object.entries((await status()).clockOffsetsMs).map(([host, offset]) => [{ host }, offset / 1_000]),
  );
  gauge('maintenance_since_seconds', 'When maintenance began; absent when it is off.', [], () => {
    const sinceMs = maintenanceSinceMs();
    return one(sinceMs === undefined ? undefined : sinceMs / 1_000);
  });
  const certificates = new Certificates(hostPaths.config);
  gauge('certificate_not_after_seconds', 'When a certificate ends.', ['file', 'name'], async () =>
    (await certificates.ends()).map(({ file, name, notAfterMs }) => [{ file, name }, notAfterMs / 1_000]),
  );
  const { dataDirectory } = config.database ?? {};
  const paths = [
    ...(dataDirectory === undefined ? [] : [dataDirectory]),
    hostPaths.data,
    hostPaths.logs,
    '/',
  ];
  gauge('disk_size_bytes', 'Size of a file system that Tandem writes to.', ['path'], async () =>
    (await disks(paths)).map(({ path, sizeBytes }) => [{ path }, sizeBytes]),
  );
  gauge('disk_available_bytes', 'What of it is free for others than root.', ['path'], async () =>
    (await disks(paths)).map(({ path, availableBytes }) => [{ path }, availableBytes]),
  );
}

function serviceReadings(readings: Readings, { runner }: AgentContext): void {
  // Three series of one answer: asked for once a scrape.
  const services = shared(() => runner.services(serviceLimitMs));
  readings.gauge('tandem_service_up', '1 when a service runs, or is done.', ['service'], async () =>
    (await services()).map(({ name, state }) => [
      { service: name },
      Number(state === 'running' || state === 'done'),
    ]),
  );
  readings.gauge('tandem_service_crash_loop', '1 when it ends again and again.', ['service'], async () =>
    (await services()).map(({ name, state }) => [{ service: name }, Number(state === 'crash-loop')]),
  );
  const help = 'Restarts that nobody asked for.';
  readings.counter('tandem_service_restarts_total', help, ['service'], async () =>
    (await services()).map(({ name, restarts }) => [{ service: name }, restarts]),
  );
}

function balancerReadings(readings: Readings, { context, status }: MetricsSource): void {
  const { floatingAddresses } = context.config;
  readings.gauge('tandem_address_held', '1 when this balancer has the address.', ['address'], async () => {
    const held = (await status()).balancer?.heldAddresses ?? [];
    return floatingAddresses.map((address) => [{ address }, Number(held.includes(address))]);
  });
  readings.gauge('tandem_haproxy_healthy', '1 when HAProxy answers its agent.', [], async () =>
    one((await status()).balancer?.haproxyHealthy),
  );
}

/** The same answer for all who ask before it is there. */
function shared<T>(ask: () => Promise<T>): () => Promise<T> {
  let under: Promise<T> | undefined;
  return () => {
    under ??= ask().finally(() => {
      under = undefined;
    });
    return under;
  };
}
