/** The metrics of a router as a whole: its workers' together, those of workers that ended, and the main process's own. */
import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';
import type { MetricValues } from '../operation/metrics.ts';
import type { WholeCounts } from './past-metrics.ts';

const prefix = 'tandem_router_';

/** As the content type of an answer. */
export const metricsContentType = Registry.PROMETHEUS_CONTENT_TYPE;

/** Prometheus text. A metric that is in several of `all` becomes one, as it says itself. */
export function metricsText(
  all: readonly (readonly MetricValues[])[],
  counts: WholeCounts,
  workers: number,
): Promise<string> {
  const whole = AggregatorRegistry.aggregate(all.map((each) => [...each]));
  const counter = (name: string, help: string, value: number, labels: Record<string, string> = {}): void => {
    const known = whole.getSingleMetric(`${prefix}${name}`) as Counter | undefined;
    const names = Object.keys(labels);
    const metric =
      known ?? new Counter({ name: `${prefix}${name}`, help, labelNames: names, registers: [whole] });
    metric.inc(labels, value);
  };
  new Gauge({
    name: `${prefix}workers`,
    help: 'Workers, those that drain included.',
    registers: [whole],
  }).set(workers);
  counter('reloads_total', 'New workers in place of all old ones.', counts.reloads);
  counter('worker_crashes_total', 'Workers that ended by themselves, and were replaced.', counts.crashes);
  const drained = 'Sessions of workers that were replaced: ended without a loss, or cut.';
  counter('drained_sessions_total', drained, counts.drainedSessions, { how: 'ended' });
  counter('drained_sessions_total', drained, counts.cutSessions, { how: 'cut' });
  return whole.metrics();
}

/** Several as one. */
export async function together(all: readonly (readonly MetricValues[])[]): Promise<readonly MetricValues[]> {
  const registry = AggregatorRegistry.aggregate(all.map((each) => [...each]));
  return (await registry.getMetricsAsJSON()) as unknown as MetricValues[];
}
