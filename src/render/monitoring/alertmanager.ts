/**
 * Alertmanager 0.25 on both monitoring hosts: each Prometheus tells both, and they tell each other what was sent, so a
 * receiver hears of an alert once. https://prometheus.io/docs/alerting/0.25/configuration/
 */

import type { RenderContext } from '#src/render/context.ts';
import { configPath, publicFile, secretFile } from '#src/render/files.ts';
import type { RenderedFile, Service } from '#src/render/service.ts';
import { type MonitoringSpec, monitoringHosts, monitoringUser } from '#src/topology/monitoring.ts';
import { hostPaths } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import { goService } from './go-service.ts';
import { clientTls, type MonitoringTls, monitoringTls, serverTls, yaml } from './web-config.ts';

const component = 'alertmanager';
const configuration = configPath(component, 'alertmanager.yml');
const clusterTls = configPath(component, 'cluster.yml');
const dataDirectory = `${hostPaths.data}/alertmanager`;
const emailPassword = configPath(component, 'email-password');
const webhookToken = (index: number) => configPath(component, `webhook-${index + 1}-token`);

export function alertmanagerService(context: RenderContext, monitoring: MonitoringSpec): Service {
  // What the two of them speak over keeps the certificates it started with.
  const tls = monitoringTls(component, context, 'restart');
  const { address } = context.host;
  return goService(
    {
      name: component,
      description: 'Alertmanager: who is told of which alert, once',
      command: [
        '/usr/bin/prometheus-alertmanager',
        `--config.file=${configuration}`,
        `--storage.path=${dataDirectory}`,
        `--web.listen-address=${address}:${ports.alertmanager}`,
        `--web.config.file=${tls.webConfig}`,
        `--web.external-url=https://${address}:${ports.alertmanager}`,
        '--log.level=warn',
        ...clusterOptions(context, monitoring),
      ],
      directories: [{ path: dataDirectory, mode: 0o700, owner: monitoringUser }],
      files: [
        publicFile(configuration, yaml(alertmanagerConfiguration(monitoring)), 'reload'),
        publicFile(clusterTls, yaml(clusterConfiguration(tls)), 'restart'),
        ...receiverSecrets(context, monitoring),
        ...tls.files,
      ],
      validate: ['/usr/bin/amtool', 'check-config', configuration],
      reload: { kind: 'signal', signal: 'SIGHUP' },
      readiness: { kind: 'tcp', address, port: ports.alertmanager },
      packages: ['prometheus-alertmanager'],
    },
    48,
  );
}

const mostPeerTimeoutSeconds = 15;

/**
 * How long the second one waits for the first to tell of what both saw. It then tells of what it knew before it waited: were
 * the first to speak again meanwhile, that would be old, and the end of an alert could be lost. So it is less than the
 * time between two messages (group_interval).
 */
function peerTimeoutSeconds({ alerts }: MonitoringSpec): number {
  return Math.min(mostPeerTimeoutSeconds, Math.floor(alerts.gatherSeconds / 2));
}

/** Over TCP and mutual TLS only. At rest the pair's talk is what it costs, so it is slower than by default. */
function clusterOptions({ spec, host }: RenderContext, monitoring: MonitoringSpec): readonly string[] {
  const others = monitoringHosts(spec).filter(({ name }) => name !== host.name);
  if (others.length === 0) return ['--cluster.listen-address='];
  const place = `${host.address}:${ports.alertmanagerCluster}`;
  return [
    `--cluster.listen-address=${place}`,
    `--cluster.advertise-address=${place}`,
    ...others.map(({ address }) => `--cluster.peer=${address}:${ports.alertmanagerCluster}`),
    `--cluster.tls-config=${clusterTls}`,
    `--cluster.peer-timeout=${peerTimeoutSeconds(monitoring)}s`,
    '--cluster.gossip-interval=1s',
    '--cluster.probe-interval=5s',
    '--cluster.probe-timeout=2s',
    // It starts only when its first word to the other has come to an end, and the other's firewall may not know it yet.
    '--cluster.tcp-timeout=3s',
    '--cluster.settle-timeout=20s',
    // A host that was away for long is still known when it comes back.
    '--cluster.reconnect-timeout=720h',
  ];
}

function clusterConfiguration(tls: MonitoringTls) {
  return { tls_server_config: serverTls(tls), tls_client_config: clientTls(tls) };
}

export function alertmanagerConfiguration({ alerts }: MonitoringSpec) {
  return {
    global: { resolve_timeout: '5m' },
    route: {
      receiver: 'operators',
      // Prometheus says for a quarter of an hour that an alert has ended, and in a group in which others go on each time is a
      // message. What a dead host would make of this is inhibited below.
      group_by: ['stack', 'alertname', 'instance'],
      // The first word comes soon; what belongs to it may still be a reading late.
      group_wait: `${Math.min(15, alerts.gatherSeconds)}s`,
      group_interval: `${alerts.gatherSeconds}s`,
      repeat_interval: `${alerts.repeatHours}h`,
    },
    // A host that is gone explains what is missing of it.
    inhibit_rules: [
      {
        source_matchers: ['alertname="HostDown"'],
        target_matchers: [
          'alertname=~"TargetDown|ServiceDown|DatabaseMemberDown|WebHostDown|QuorumMemberDown"',
        ],
        equal: ['instance'],
      },
      {
        source_matchers: ['alertname="CertificateEnds"', 'severity="critical"'],
        target_matchers: ['alertname="CertificateEnds"', 'severity="warning"'],
        equal: ['instance', 'file'],
      },
    ],
    receivers: [
      {
        name: 'operators',
        ...(alerts.webhooks.length === 0 ? {} : { webhook_configs: alerts.webhooks.map(webhook) }),
        ...(alerts.email === undefined
          ? {}
          : { email_configs: alerts.email.to.map((to) => email(alerts, to)) }),
      },
    ],
  };
}

type Alerts = MonitoringSpec['alerts'];

function webhook({ url, bearerTokenFile }: Alerts['webhooks'][number], index: number) {
  const authorization = { authorization: { type: 'Bearer', credentials_file: webhookToken(index) } };
  return {
    url,
    send_resolved: true,
    max_alerts: 100,
    ...(bearerTokenFile === undefined ? {} : { http_config: authorization }),
  };
}

function email({ email: settings }: Alerts, to: string) {
  if (settings === undefined) throw new Error('no e-mail receiver');
  const { from, smtp, tls, username } = settings;
  return {
    to,
    from,
    smarthost: smtp,
    require_tls: tls && !smtp.endsWith(':465'),
    send_resolved: true,
    ...(username === undefined ? {} : { auth_username: username, auth_password_file: emailPassword }),
  };
}

function receiverSecrets({ material }: RenderContext, { alerts }: MonitoringSpec): readonly RenderedFile[] {
  const { emailPassword: password, webhookTokens } = material.receivers;
  const secret = (path: string, text: string) => secretFile(path, text, 'reload', monitoringUser);
  return [
    ...(alerts.email?.username === undefined || password === undefined
      ? []
      : [secret(emailPassword, password)]),
    ...webhookTokens.flatMap((token, index) =>
      token === undefined ? [] : [secret(webhookToken(index), token)],
    ),
  ];
}
