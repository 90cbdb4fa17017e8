/** rules.yml: https://prometheus.io/docs/prometheus/2.42/configuration/alerting_rules/ */
import type { Spec } from '#src/spec/spec.ts';
import type { MonitoringSpec } from '#src/topology/monitoring.ts';
import type { Alert, AlertContext } from './alert.ts';
import { databaseAlerts } from './alerts-database.ts';
import { hostAlerts } from './alerts-hosts.ts';
import { monitoringAlerts } from './alerts-monitoring.ts';
import { siteAlerts } from './alerts-site.ts';
import { recordings, seenRecordings } from './recording.ts';

/** Every alert of a stack. */
export function alertsOf(spec: Spec, monitoring: MonitoringSpec): readonly Alert[] {
  const { alerts, scrapeSeconds } = monitoring;
  const settledSeconds = Math.max(30, 2 * scrapeSeconds);
  const context: AlertContext = { spec, thresholds: alerts.thresholds, settledSeconds };
  return [
    ...siteAlerts(context),
    ...databaseAlerts(context),
    ...hostAlerts(context),
    ...monitoringAlerts(context),
  ];
}

export function ruleFile(spec: Spec, monitoring: MonitoringSpec) {
  return {
    groups: [
      { name: 'recorded', interval: '30s', rules: recordings(monitoring) },
      {
        // One group, evaluated in order: what the alerts rest on is as fresh as they are.
        name: 'alerts',
        rules: [...seenRecordings(), ...alertsOf(spec, monitoring).map(ruleOf)],
      },
    ],
  };
}

function ruleOf({ name, severity, expression, forSeconds, summary, description, action }: Alert) {
  return {
    alert: name,
    expr: expression,
    ...(forSeconds === 0 ? {} : { for: `${forSeconds}s` }),
    labels: { severity },
    annotations: { summary, description, action },
  };
}
