/** What monitors a host, in the order in which it starts. */

import type { RenderContext } from '#src/render/context.ts';
import type { Service } from '#src/render/service.ts';
import { monitoringHosts, monitoringOf } from '#src/topology/monitoring.ts';
import { alertmanagerService } from './alertmanager.ts';
import { mysqldExporterService, nodeExporterService } from './exporters.ts';
import { prometheusService } from './prometheus.ts';

export function monitoringServices(context: RenderContext): readonly Service[] {
  const { spec, host } = context;
  const monitoring = monitoringOf(spec);
  if (monitoring === undefined) return [];
  return [
    nodeExporterService(context),
    ...(host.roles.includes('database') ? [mysqldExporterService(context)] : []),
    ...(monitoringHosts(spec).includes(host)
      ? [alertmanagerService(context, monitoring), prometheusService(context, monitoring)]
      : []),
  ];
}
