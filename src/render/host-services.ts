/** Everything that runs on a host, in the order in which it starts; on a server each with its systemd unit. */
import { agentService } from './agent.ts';
import { appServices } from './app.ts';
import type { RenderContext } from './context.ts';
import { dashboardService } from './dashboard.ts';
import { etcdService } from './etcd.ts';
import { firewallService } from './firewall.ts';
import { haproxyService } from './haproxy.ts';
import { keepalivedService } from './keepalived.ts';
import { mariadbService } from './mariadb.ts';
import { monitoringServices } from './monitoring/services.ts';
import { nginxService } from './nginx.ts';
import { routerService } from './router.ts';
import type { Service } from './service.ts';
import { withUnit } from './systemd.ts';

export function hostServices(context: RenderContext): readonly Service[] {
  const has = (role: RenderContext['host']['roles'][number]) => context.host.roles.includes(role);
  const services = [
    firewallService(context),
    ...(has('quorum') ? [etcdService(context)] : []),
    ...(has('database') ? [mariadbService(context)] : []),
    agentService(context),
    ...(has('web') ? [routerService(context), ...appServices(context), nginxService(context)] : []),
    ...(has('balancer')
      ? [haproxyService(context), keepalivedService(context), dashboardService(context)]
      : []),
    ...monitoringServices(context),
  ];
  return context.host.ssh === undefined ? services : services.map(withUnit);
}
