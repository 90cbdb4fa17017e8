/**
 * Prometheus 2.42 on both monitoring hosts. Each reads everything by itself and tells both Alertmanagers, so either goes on
 * alone. https://prometheus.io/docs/prometheus/2.42/configuration/configuration/
 */

import type { RenderContext } from '#src/render/context.ts';
import { configPath, publicFile, tlsPaths } from '#src/render/files.ts';
import type { RenderedFile, Service } from '#src/render/service.ts';
import { type HostSpec, hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { oncePer } from '#src/std/once-per.ts';
import {
  agentMetricsPaths,
  alertmanagerEndpoints,
  hostLabel,
  type MonitoringSpec,
  monitoringHosts,
  monitoringOf,
  monitoringUser,
} from '#src/topology/monitoring.ts';
import { hostPaths } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import { goService } from './go-service.ts';
import { type Job, keptSeries } from './kept-series.ts';
import { ruleFile } from './rules/rule-file.ts';
import { clientTls, monitoringTls, yaml } from './web-config.ts';

const component = 'prometheus';
const configuration = configPath(component, 'prometheus.yml');
const rules = configPath(component, 'rules.yml');
const dataDirectory = `${hostPaths.data}/prometheus`;

export function prometheusService(context: RenderContext, monitoring: MonitoringSpec): Service {
  const tls = monitoringTls(component, context);
  const { address } = context.host;
  const url = `https://${address}:${ports.prometheus}`;
  return goService(
    {
      name: component,
      description: 'Prometheus: figures of the whole stack, and the alerts that follow from them',
      command: [
        '/usr/bin/prometheus',
        `--config.file=${configuration}`,
        `--storage.tsdb.path=${dataDirectory}`,
        `--storage.tsdb.retention.time=${monitoring.retentionDays}d`,
        `--storage.tsdb.retention.size=${monitoring.retentionBytes}B`,
        `--web.listen-address=${address}:${ports.prometheus}`,
        `--web.config.file=${tls.webConfig}`,
        `--web.external-url=${url}`,
        // A page elsewhere has no business here.
        '--web.cors.origin=^$',
        '--web.max-connections=64',
        // A question that is too large is refused before it takes the memory of the host.
        '--query.max-samples=5000000',
        '--query.max-concurrency=4',
        '--query.timeout=20s',
        '--log.level=warn',
      ],
      directories: [{ path: dataDirectory, mode: 0o700, owner: monitoringUser }],
      files: [...whatIsRead(context.spec), ...tls.files],
      validate: [
        '/bin/sh',
        '-c',
        `/usr/bin/promtool check web-config ${tls.webConfig} && /usr/bin/promtool check config ${configuration}`,
      ],
      reload: { kind: 'signal', signal: 'SIGHUP' },
      readiness: { kind: 'tcp', address, port: ports.prometheus },
      packages: ['prometheus'],
    },
    96,
  );
}

/** The same on all monitoring hosts. */
const whatIsRead = oncePer((spec: Spec): readonly RenderedFile[] => {
  const monitoring = monitoringOf(spec);
  if (monitoring === undefined) return [];
  return [
    publicFile(configuration, yaml(prometheusConfiguration(spec, monitoring)), 'reload'),
    publicFile(rules, yaml(ruleFile(spec, monitoring)), 'reload'),
  ];
});

function prometheusConfiguration(spec: Spec, { scrapeSeconds }: MonitoringSpec) {
  const tlsConfig = clientTls(tlsPaths(component));
  return {
    global: {
      scrape_interval: `${scrapeSeconds}s`,
      scrape_timeout: `${Math.min(10, scrapeSeconds)}s`,
      evaluation_interval: `${scrapeSeconds}s`,
      // The same on both: Alertmanager takes what both say for one.
      external_labels: { stack: spec.stack },
    },
    rule_files: [rules],
    alerting: {
      alertmanagers: [
        {
          scheme: 'https',
          timeout: '5s',
          tls_config: tlsConfig,
          static_configs: [
            { targets: alertmanagerEndpoints(spec).map(({ address, port }) => `${address}:${port}`) },
          ],
        },
      ],
    },
    scrape_configs: scrapeJobs(spec).map(({ job, hosts, port, path, parameters }) => ({
      job_name: job,
      scheme: 'https',
      metrics_path: path ?? '/metrics',
      ...(parameters === undefined ? {} : { params: parameters }),
      tls_config: tlsConfig,
      static_configs: hosts.map(({ name, address }) => ({
        targets: [`${address}:${port}`],
        labels: { [hostLabel]: name },
      })),
      metric_relabel_configs: [
        { source_labels: ['__name__'], regex: keptSeries[job].join('|'), action: 'keep' },
        ...droppedSeries(job),
      ],
    })),
  };
}

export interface ScrapeJob {
  readonly job: Job;
  readonly hosts: readonly HostSpec[];
  readonly port: number;
  readonly path?: string;
  readonly parameters?: Readonly<Record<string, readonly string[]>>;
}

export function scrapeJobs(spec: Spec): readonly ScrapeJob[] {
  const watchers = monitoringHosts(spec);
  const webs = hostsWithRole(spec, 'web');
  const balancers = hostsWithRole(spec, 'balancer');
  const scope = { scope: ['global', 'frontend', 'backend', 'server'] };
  return [
    { job: 'prometheus', hosts: watchers, port: ports.prometheus },
    { job: 'alertmanager', hosts: watchers, port: ports.alertmanager },
    { job: 'node', hosts: spec.hosts, port: ports.nodeExporter },
    { job: 'agent', hosts: spec.hosts, port: ports.agent, path: agentMetricsPaths.agent },
    { job: 'haproxy', hosts: balancers, port: ports.balancerMetrics, parameters: scope },
    { job: 'etcd', hosts: hostsWithRole(spec, 'quorum'), port: ports.etcdClient },
    { job: 'nginx', hosts: webs, port: ports.agent, path: agentMetricsPaths.nginx },
    { job: 'router', hosts: webs, port: ports.agent, path: agentMetricsPaths.router },
    { job: 'mysqld', hosts: hostsWithRole(spec, 'database'), port: ports.mysqldExporter },
  ];
}

/** Values of labels that nobody asks for, of series that are kept. */
function droppedSeries(job: Job): readonly object[] {
  const drop = (labels: readonly string[], regex: string) => ({
    source_labels: labels,
    regex,
    action: 'drop',
  });
  switch (job) {
    case 'node':
      return [
        drop(['mode'], 'irq|softirq|nice|guest'),
        drop(['__name__', 'device'], 'node_disk_.*;(ram|loop|fd|sr).*'),
      ];
    case 'haproxy':
      // HAProxy's own frontends for the agent and for these figures.
      return [
        drop(['proxy'], 'health|metrics'),
        drop(['__name__', 'state'], 'haproxy_(backend|server)_status;(MAINT|NOLB)'),
      ];
    default:
      return [];
  }
}
