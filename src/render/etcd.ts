/** etcd 3.4, the quorum. Options as in etcd.io/docs/v3.4/op-guide/configuration. */
import { stringify } from 'yaml';
import { hostsWithRole } from '#src/spec/spec.ts';
import { hostPaths } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import type { KeyPair, RenderContext } from './context.ts';
import { configPath, publicFile, tlsFiles } from './files.ts';
import { defaultRestart, punctual, type Service } from './service.ts';

const component = 'etcd';
const dataDirectory = `${hostPaths.data}/etcd`;
const configuration = configPath(component, 'etcd.yaml');

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
    command: ['/usr/bin/etcd', '--config-file', configuration],
    user: 'etcd',
    environment: { GOMAXPROCS: '1' },
    directories: [{ path: dataDirectory, mode: 0o700, owner: 'etcd' }],
    files: [publicFile(configuration, etcdConfiguration(context, tls), 'restart'), ...tls.files],
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
  { spec, host, material }: RenderContext,
  tls: { readonly ca: string; readonly certificate: string; readonly key: string },
): string {
  const security = {
    'cert-file': tls.certificate,
    'key-file': tls.key,
    'client-cert-auth': true,
    'trusted-ca-file': tls.ca,
  };
  const client = `https://${host.address}:${ports.etcdClient}`;
  const peer = (address: string) => `https://${address}:${ports.etcdPeer}`;
  return stringify(
    {
      name: host.name,
      'data-dir': dataDirectory,
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer(host.address),
      'initial-advertise-peer-urls': peer(host.address),
      'initial-cluster': hostsWithRole(spec, 'quorum')
        .map((member) => `${member.name}=${peer(member.address)}`)
        .join(','),
      'initial-cluster-token': material.stackId,
      'initial-cluster-state': 'new',
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
