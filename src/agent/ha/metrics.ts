/** The database member in figures, in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). */
import { Gauge, Registry } from 'prom-client';
import type { AgentDatabaseStatus } from '#src/topology/agent-api.ts';

const registry = new Registry();

function gauge(name: string, help: string): Gauge {
  return new Gauge({ name: `tandem_database_${name}`, help, registers: [registry] });
}

const primary = gauge('primary', '1 when this member is the primary and takes writes.');
const ready = gauge('ready', '1 when this member is in order for its role.');
const sync = gauge(
  'sync_standby',
  "1 when this member acknowledges the primary's commits and may be promoted.",
);
const lag = gauge('lag_seconds', 'Seconds behind the primary; absent when unknown.');
const epoch = gauge('epoch', 'The epoch that this member knows; 0 when it knows none.');
const possible = gauge('failover_possible', '1 when a failover would succeed now.');

export async function metricsText(database: {
  readonly status: AgentDatabaseStatus;
  readonly writable: boolean;
}): Promise<string> {
  const { status, writable } = database;
  primary.set(Number(status.role === 'primary' && writable));
  ready.set(Number(status.ready));
  sync.set(Number(status.sync));
  epoch.set(status.epoch ?? 0);
  possible.set(Number(status.failover.possible));
  if (status.lagSeconds === null) lag.remove();
  else lag.set(status.lagSeconds);
  return registry.metrics();
}
