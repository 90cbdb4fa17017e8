/** Series that are computed once and asked for often (`recorded` in src/topology/monitoring.ts says what each one is). */
import { type MonitoringSpec, recorded } from '#src/topology/monitoring.ts';
import { hostsSeen } from './alert.ts';

export interface Recording {
  readonly record: string;
  readonly expr: string;
}

/** Whether hosts are seen; first, because alerts rest on it. */
export function seenRecordings(): readonly Recording[] {
  return [
    { record: hostsSeen, expr: 'count(max by (instance) (up) == 1) / count(count by (instance) (up))' },
  ];
}

export function recordings({ scrapeSeconds }: MonitoringSpec): readonly Recording[] {
  const window = `${Math.max(60, 4 * scrapeSeconds)}s`;
  const rate = (selector: string) => `rate(${selector}[${window}])`;
  const responses = 'haproxy_frontend_http_responses_total';
  const all: Readonly<Record<keyof typeof recorded, string>> = {
    requests: `sum by (instance) (${rate('haproxy_frontend_http_requests_total{proxy="https"}')})`,
    errorRatio: `sum(${rate(`${responses}{proxy="https",code="5xx"}`)}) / (sum(${rate(`${responses}{proxy="https"}`)}) > 0)`,
    webRequests: `sum by (server) (${rate('haproxy_server_http_responses_total{proxy=~"web|web-weighted"}')})`,
    webResponseSeconds:
      'max by (server) (haproxy_server_total_time_average_seconds{proxy=~"web|web-weighted"})',
    statements: `sum by (instance, member) (${rate('tandem_router_statements_total')})`,
    statementSeconds: `histogram_quantile(0.95, sum by (instance, le) (${rate('tandem_router_statement_seconds_bucket')}))`,
    statementErrors: `sum by (instance) (${rate('tandem_router_statement_errors_total')})`,
    lagSeconds: 'max by (instance) (tandem_database_lag_seconds)',
    cpu: `1 - avg by (instance) (${rate('node_cpu_seconds_total{mode="idle"}')})`,
    memory: 'max by (instance) (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)',
    disk: 'max by (instance) (1 - tandem_disk_available_bytes / tandem_disk_size_bytes)',
    networkIn: `sum by (instance) (${rate('node_network_receive_bytes_total')})`,
    networkOut: `sum by (instance) (${rate('node_network_transmit_bytes_total')})`,
  };
  return Object.entries(all).map(([key, expr]) => ({ record: recorded[key as keyof typeof recorded], expr }));
}
