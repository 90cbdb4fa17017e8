/** Alerts on monitoring itself: what is not seen, and what could not be told. */
import { monitoringHosts } from '#src/topology/monitoring.ts';
import { type Alert, type AlertContext, hostsSeen, seen } from './alert.ts';

export function monitoringAlerts({ spec }: AlertContext): readonly Alert[] {
  const watchers = monitoringHosts(spec).length;
  return [
    {
      name: 'TargetDown',
      severity: 'warning',
      expression: seen('up == 0'),
      forSeconds: 60,
      summary: '{{ $labels.job }} on {{ $labels.instance }} does not answer Prometheus.',
      description: 'Its figures are missing, so alerts on them can not fire.',
      action: "'tandem status', then 'tandem logs {{ $labels.instance }}'.",
    },
    {
      name: 'MonitoringBlind',
      severity: 'critical',
      expression: `${hostsSeen} < 0.5`,
      forSeconds: 120,
      summary: 'Prometheus sees {{ $value | humanizePercentage }} of the hosts.',
      description: 'Most of the stack is down, or the host of this Prometheus is cut off.',
      action: 'Look at the network between the hosts first.',
    },
    {
      name: 'DatabaseUnseen',
      severity: 'warning',
      expression: 'mysql_up == 0 and on (instance) tandem_database_ready == 1',
      forSeconds: 120,
      summary: "The exporter on {{ $labels.instance }} can't read the figures of its database server.",
      description: 'The server is in order, but its account is missing or refused.',
      action: 'docs/monitoring.md has the statement that makes the account.',
    },
    {
      name: 'PrometheusTrouble',
      severity: 'warning',
      expression:
        'prometheus_config_last_reload_successful == 0 or increase(prometheus_rule_evaluation_failures_total[5m]) > 0',
      forSeconds: 60,
      summary: 'Prometheus on {{ $labels.instance }} has trouble with its configuration or rules.',
      description: 'It goes on with what it had, or some alerts are not evaluated.',
      action: "'tandem logs {{ $labels.instance }} prometheus'.",
    },
    {
      name: 'AlertsUndelivered',
      severity: 'critical',
      expression:
        'sum by (instance, integration) (increase(alertmanager_notifications_failed_total[5m])) > 0',
      forSeconds: 60,
      summary: 'Alerts could not be sent by {{ $labels.integration }} from {{ $labels.instance }}.',
      description: 'Alertmanager tries again; until then nobody hears of alerts by this way.',
      action: "Check the receiver, then 'tandem logs {{ $labels.instance }} alertmanager'.",
    },
    ...(watchers < 2
      ? []
      : [
          {
            name: 'AlertmanagersApart',
            severity: 'warning',
            expression: `alertmanager_cluster_members < ${watchers}`,
            forSeconds: 300,
            summary: 'Alertmanager on {{ $labels.instance }} does not reach the other one.',
            description: 'Both may tell of the same alert.',
            action: "'tandem logs {{ $labels.instance }} alertmanager'.",
          } as const,
        ]),
  ];
}
