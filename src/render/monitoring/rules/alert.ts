/** An alert as data: what is asked, how long it must be so, and what a person is told and should do. */
import type { Spec } from '#src/spec/spec.ts';
import type { MonitoringSpec } from '#src/topology/monitoring.ts';

/** critical: users notice, or will with the next failure. warning: look at it today. */
export type Severity = 'critical' | 'warning';

export interface Alert {
  readonly name: string;
  readonly severity: Severity;
  /** PromQL; fires for each series that it gives. */
  readonly expression: string;
  /** How long it must hold. */
  readonly forSeconds: number;
  /** What and where, in a line; Go templates over labels and value. */
  readonly summary: string;
  /** What it means. */
  readonly description: string;
  /** What to do next. */
  readonly action: string;
}

export interface AlertContext {
  readonly spec: Spec;
  readonly thresholds: MonitoringSpec['alerts']['thresholds'];
  /** Two readings: what is told by several hosts is then of the same time. */
  readonly settledSeconds: number;
}

export const hostsSeen = 'tandem:hosts_seen:ratio';

/**
 * Only while this Prometheus sees at least half of the hosts: one that is cut off must not call everybody else dead, least
 * of all in what it still has to send when its link comes back.
 */
export function seen(expression: string): string {
  return `(${expression}) and on () (${hostsSeen} >= 0.5)`;
}
