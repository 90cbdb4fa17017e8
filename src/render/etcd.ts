/** etcd 3.4, the quorum. Options as in etcd.io/docs/v3.4/op-guide/configuration. */
import { stringify } from 'yaml';
import { hostPaths } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import type { KeyPair, RenderContext } from './context.ts';
import { configPath, lines, publicFile, tlsFiles } from './files.ts';
import { defaultRestart, punctual, type Service } from './service.ts';

const component = 'etcd';
const dataDirectory = `${hostPaths.data}/etcd`;
const configuration = configPath(component, 'etcd.yaml');
const startScript = configPath(component, 'start.sh');
const runDirectory = `${hostPaths.run}/etcd`;

/** What `up` writes before a member's first start: how the quorum was founded, or whom the member joins. */
export const etcdPaths = {
  dataDirectory,
  bootstrap: `${hostPaths.data}/etcd-bootstrap.yaml`,
} as const;

/** A member with data knows the others by itself: only the first start needs, and takes, what `up` wrote. */
const startLines = lines(
  '# Rendered by Tandem; changes here are overwritten by the next `tandem up`.',
  'set -eu',
  `if [ -d ${dataDirectory}/member ]; then`,
  `  cat ${configuration} >${runDirectory}/etcd.yaml`,
  `elif [ -e ${etcdPaths.bootstrap} ]; then`,
  `  cat ${configuration} ${etcdPaths.bootstrap} >${runDirectory}/etcd.yaml`,
  'else',
  "  echo 'nobody has said whom to join: tandem up does' >&2",
  '  exit 1',
  'fi',
  `exec /usr/bin/etcd --config-file ${runDirectory}/etcd.yaml`,
);

export const etcdPeerUrl = (address: string): string => `https://${address}:${ports.etcdPeer}`;

/** Content of the bootstrap file. `members`: addresses by name, the starting one included. */
export function etcdBootstrap(
  state: 'new' | 'existing',
  stackId: string,
  members: readonly { readonly name: string; readonly address: string }[],
): string {
  return stringify(
    {
      'initial-cluster': members.map(({ name, address }) => `${name}=${etcdPeerUrl(address)}`).join(','),
      'initial-cluster-token': stackId,
      'initial-cluster-state': state,
    },
    { lineWidth: 0 },
  );
}

/**
 * A lease can not be shorter than 7 heartbeats when an election is 5 (lease.go, `minLeaseTTL`), in whole seconds: 140 ms
 * still allow one of a second. At rest heartbeats are what etcd costs.
 */
const heartbeatMs = 140;
const electionMs = 700;
/** Go's scheduler looks at itself every 20 µs while anything runs; a third of what etcd costs at rest. */
const timerSlackMs = 2;

export function etcdService(context: RenderContext): Service {
  const { material, host } = context;
  const pair = material.hosts[host.name] as KeyPair;
  // Certificate and key are read anew for each connection (etcd 3.2 and later), the authority is not.
  const tls = tlsFiles(component, { ca: material.ca, ...pair }, 'restart', 'etcd', 'none');
  return {
    name: 'etcd',
    description: 'Quorum: leases and shared state',
    kind: 'daemon',
    command: ['/bin/sh', startScript],
    user: 'etcd',
    environment: { GOMAXPROCS: '1' },
    directories: [
      { path: dataDirectory, mode: 0o700, owner: 'etcd' },
      { path: runDirectory, mode: 0o755, owner: 'etcd' },
    ],
    files: [
      publicFile(configuration, etcdConfiguration(context, tls), 'restart'),
      publicFile(startScript, startLines, 'none'),
      ...tls.files,
    ],
    readiness: { kind: 'tcp', address: host.address, port: ports.etcdClient },
    startTimeoutMs: 30_000,
    stop: { signal: 'SIGTERM', timeoutMs: 3_000 },
    restart: defaultRestart,
    after: ['firewall'],
    startedBy: 'always',
    nice: punctual,
    timerSlackMs,
    openFiles: 65_536,
    packages: ['etcd-server', 'etcd-client'],
  };
}

function etcdConfiguration(
  { spec, host }: RenderContext,
  tls: { readonly ca: string; readonly certificate: string; readonly key: string },
): string {
  const security = {
    'cert-file': tls.certificate,
    'key-file': tls.key,
    'client-cert-auth': true,
    'trusted-ca-file': tls.ca,
  };
  const client = `https://${host.address}:${ports.etcdClient}`;
  return stringify(
    {
      name: host.name,
      'data-dir': dataDirectory,
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': etcdPeerUrl(host.address),
      'initial-advertise-peer-urls': etcdPeerUrl(host.address),
      'heartbeat-interval': heartbeatMs,
      'election-timeout': electionMs,
      'auto-compaction-mode': 'revision',
      'auto-compaction-retention': '1000',
      'snapshot-count': 10_000,
      'quota-backend-bytes': spec.quorum.quotaBytes,
      'enable-v2': false,
      // On by default on the command line, off by default in a file.
      'enable-grpc-gateway': true,
      'log-level': 'warn',
      logger: 'zap',
      'client-transport-security': security,
      'peer-transport-security': security,
    },
    { lineWidth: 0 },
  );
}
