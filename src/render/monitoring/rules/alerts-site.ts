/** Alerts on what users see: balancers, their address, web hosts, errors. */
import { recorded } from '#src/topology/monitoring.ts';
import { type Alert, type AlertContext, seen } from './alert.ts';

export function siteAlerts({ thresholds, settledSeconds }: AlertContext): readonly Alert[] {
  return [
    {
      name: 'BalancerTierDown',
      severity: 'critical',
      expression: seen('(sum(tandem_haproxy_healthy) or vector(0)) < 1'),
      forSeconds: 15,
      summary: 'No balancer serves: the site is down.',
      description: 'On no host with the role balancer does HAProxy answer its agent.',
      action: "Look at 'tandem status' and 'tandem logs HOST haproxy'; 'tandem up' brings hosts back.",
    },
    {
      name: 'AddressUnheld',
      severity: 'critical',
      expression: seen('sum by (address) (tandem_address_held) < 1'),
      forSeconds: 15,
      summary: 'No balancer holds {{ $labels.address }}: the site is down at this address.',
      description: 'keepalived has the floating address on no host whose agent answers.',
      action: "Look at 'tandem logs HOST keepalived' on the balancers, and whether HAProxy is healthy there.",
    },
    {
      name: 'AddressHeldTwice',
      severity: 'critical',
      expression: 'sum by (address) (tandem_address_held) > 1',
      forSeconds: settledSeconds,
      summary: '{{ $value }} balancers hold {{ $labels.address }} at once.',
      description: 'Clients reach one or the other by chance, and connections break.',
      action:
        "Check that VRRP (IP protocol 112) passes between the balancers; take the address off one: 'tandem exec HOST -- ip address del ADDRESS/PREFIX dev eth0'.",
    },
    {
      name: 'WebTierDown',
      severity: 'critical',
      expression: seen('max(haproxy_backend_status{proxy="web",state="UP"}) < 1'),
      forSeconds: 15,
      summary: 'No web host answers its health check: the site answers 503.',
      description: 'Every balancer that answers has found every web host down.',
      action:
        "Look at 'tandem logs HOST nginx' and 'tandem logs HOST app-1'; when the health check needs the database, look at that first.",
    },
    {
      name: 'WebHostDown',
      severity: 'warning',
      expression:
        'label_replace(min by (server) (haproxy_server_status{proxy="web",state="DOWN"}) == 1, "instance", "$1", "server", "(.*)")',
      forSeconds: 30,
      summary: 'Web host {{ $labels.server }} does not answer its health check.',
      description: 'No balancer sends it requests; the other web hosts serve.',
      action:
        "Look at 'tandem logs {{ $labels.server }} nginx' and 'tandem logs {{ $labels.server }} app-1'.",
    },
    {
      name: 'ErrorRatio',
      severity: 'critical',
      expression: `${recorded.errorRatio} * 100 > ${thresholds.errorPercent} and on () sum(${recorded.requests}) > 0.2`,
      forSeconds: 120,
      summary: '{{ $value | printf "%.1f" }} % of the requests are answered with an error (5xx).',
      description: `More than ${thresholds.errorPercent} % for two minutes.`,
      action:
        "Look at 'tandem logs HOST haproxy' and 'tandem logs HOST app-1': HAProxy logs failed requests.",
    },
    {
      name: 'BalancerSaturated',
      severity: 'warning',
      expression: '100 * haproxy_process_current_connections / haproxy_process_max_connections > 80',
      forSeconds: 120,
      summary:
        'HAProxy on {{ $labels.instance }} has {{ $value | printf "%.0f" }} % of its connections in use.',
      description: 'Beyond 100 % new clients wait.',
      action: 'Raise balancer.maxConnections, or find who holds so many connections open.',
    },
  ];
}
