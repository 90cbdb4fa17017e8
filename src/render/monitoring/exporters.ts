/** node_exporter 1.5 and mysqld_exporter 0.14: figures of the machine and of the database server. */

import type { RenderContext } from '#src/render/context.ts';
import { mariadbPaths } from '#src/render/mariadb.ts';
import type { Service } from '#src/render/service.ts';
import { exporterAccount } from '#src/topology/monitoring.ts';
import { ports } from '#src/topology/ports.ts';
import { goService } from './go-service.ts';
import { monitoringTls } from './web-config.ts';

/** Disks are the agent's: it knows which file systems Tandem writes to. */
const machine = ['cpu', 'diskstats', 'filefd', 'loadavg', 'meminfo', 'netdev', 'pressure', 'stat', 'vmstat'];

export function nodeExporterService(context: RenderContext): Service {
  const tls = monitoringTls('node-exporter', context);
  const { address } = context.host;
  return goService(
    {
      name: 'node-exporter',
      description: 'Figures of the machine, for Prometheus',
      command: [
        '/usr/bin/prometheus-node-exporter',
        `--web.listen-address=${address}:${ports.nodeExporter}`,
        `--web.config.file=${tls.webConfig}`,
        '--web.disable-exporter-metrics',
        '--web.max-requests=4',
        '--log.level=warn',
        '--collector.disable-defaults',
        ...machine.map((name) => `--collector.${name}`),
        '--no-collector.cpu.guest',
      ],
      directories: [],
      files: tls.files,
      readiness: { kind: 'tcp', address, port: ports.nodeExporter },
      packages: ['prometheus-node-exporter'],
    },
    24,
  );
}

export function mysqldExporterService(context: RenderContext): Service {
  const tls = monitoringTls('mysqld-exporter', context);
  const { address } = context.host;
  const service = goService(
    {
      name: 'mysqld-exporter',
      description: 'Figures of the database server, for Prometheus',
      command: [
        '/usr/bin/prometheus-mysqld-exporter',
        `--web.listen-address=${address}:${ports.mysqldExporter}`,
        `--web.config.file=${tls.webConfig}`,
        // What a lock would be waited for is told by the agent.
        '--exporter.lock_wait_timeout=1',
        '--log.level=error',
        '--collect.global_status',
        '--collect.global_variables',
        '--no-collect.slave_status',
        '--no-collect.info_schema.innodb_cmp',
        '--no-collect.info_schema.innodb_cmpmem',
        '--no-collect.info_schema.query_response_time',
      ],
      directories: [],
      files: tls.files,
      readiness: { kind: 'tcp', address, port: ports.mysqldExporter },
      packages: ['prometheus-mysqld-exporter'],
    },
    24,
  );
  // No password: the server knows the unix user behind a local socket (unix_socket), and the account may only look.
  const source = `${exporterAccount}@unix(${mariadbPaths.socket})/`;
  return { ...service, environment: { ...service.environment, DATA_SOURCE_NAME: source } };
}
