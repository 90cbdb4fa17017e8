/** Tandem's own agent, on every host. */

import { hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { parseSubnet } from '#src/std/ipv4.ts';
import { oncePer } from '#src/std/once-per.ts';
import type { AgentFile, AgentPeer } from '#src/topology/agent-config.ts';
import { monitoringHosts } from '#src/topology/monitoring.ts';
import { codeDirectory, hostPaths, hostTls, nodeProgram } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import { type KeyPair, madeOf, type RenderContext } from './context.ts';
import { configPath, publicFile, secretFile } from './files.ts';
import { haproxyPaths } from './haproxy.ts';
import { keepalivedPaths } from './keepalived.ts';
import { mariadbPaths } from './mariadb.ts';
import { applicationAccount } from './mariadb-accounts.ts';
import { nginxStatusSocket } from './nginx.ts';
import { routerControlSocket } from './router.ts';
import { defaultRestart, punctual, type RenderedFile, type Service } from './service.ts';

const component = 'agent';
const dataDirectory = `${hostPaths.data}/agent`;
const configuration = configPath(component, 'agent.json');
const peersFile = configPath(component, 'peers.json');
const passwordsFile = configPath(component, 'passwords.json');
const schemaFile = configPath(component, 'schema.sql');

/** Environment of the agent's Node.js; the compile cache is of use only to a process with the same. */
export const agentRuntime = {
  NODE_OPTIONS: '--max-old-space-size=64 --max-semi-space-size=2 --v8-pool-size=1',
  // The cache is filled where the code lies on this machine, and read where it lies on the host.
  NODE_COMPILE_CACHE_PORTABLE: '1',
} as const;

/** Directory of compiled code, below Tandem's own code: it belongs to one version of it. */
export const agentCompileCache = 'node_modules/.cache/tandem-agent';

export function agentService(context: RenderContext): Service {
  const { material, host } = context;
  const own = material.hosts[host.name] as KeyPair;
  const isDatabase = host.roles.includes('database');
  const { schemaSql } = material;
  return {
    name: 'agent',
    description: 'Tandem agent: observes, decides, acts',
    kind: 'daemon',
    command: [nodeProgram, `${codeDirectory}/src/bin/agent.ts`, configuration],
    user: 'root',
    environment: {
      ...agentRuntime,
      NODE_COMPILE_CACHE: `${codeDirectory}/${agentCompileCache}`,
    },
    directories: [{ path: dataDirectory, mode: 0o700, owner: 'root' }],
    files: [
      publicFile(configuration, `${JSON.stringify(agentFile(context), null, 2)}\n`, 'restart'),
      peers(context.spec),
      publicFile(hostTls.ca, material.ca, 'restart'),
      publicFile(hostTls.certificate, own.certificate, 'restart'),
      secretFile(hostTls.key, own.key, 'restart'),
      ...(isDatabase
        ? [secretFile(passwordsFile, `${JSON.stringify(passwordsOf(context))}\n`, 'restart')]
        : []),
      ...(isDatabase && schemaSql !== undefined ? [publicFile(schemaFile, schemaSql, 'none')] : []),
    ],
    readiness: { kind: 'tcp', address: host.address, port: ports.agent },
    startTimeoutMs: 30_000,
    stop: { signal: 'SIGTERM', timeoutMs: 2_000 },
    restart: defaultRestart,
    after: ['firewall'],
    startedBy: 'always',
    nice: punctual,
    openFiles: 8_192,
    confinement: {
      // nftables, addresses, other processes' sockets; a database server as its own user; ending what hangs.
      capabilities: [
        'CAP_CHOWN',
        'CAP_DAC_OVERRIDE',
        'CAP_FOWNER',
        'CAP_KILL',
        'CAP_NET_ADMIN',
        'CAP_NET_RAW',
        'CAP_SETGID',
        'CAP_SETUID',
        'CAP_SYS_NICE',
        'CAP_SYS_RESOURCE',
      ],
      open: true,
    },
    ...madeOf(context, 'code'),
    packages: ['iproute2', 'nftables'],
  };
}

/** On database hosts; what accounts there are is in the agent's configuration. */
function passwordsOf({ spec, material }: RenderContext) {
  const names = Object.keys(spec.database.accounts);
  if (names.length === 0) return material.passwords;
  const accounts = names.map((name) => [name, material.accounts[name]?.server]);
  return { ...material.passwords, accounts: Object.fromEntries(accounts) };
}

/** The same on every host; a line each. */
const peers = oncePer(({ hosts }: Spec): RenderedFile => {
  const list = hosts.map(({ name, address, roles, transit }): AgentPeer => {
    const leaving = transit?.leaving.includes('database') === true;
    return { name, address, roles, ...(leaving ? { leaving } : {}) };
  });
  const text = list.map((peer) => `  ${JSON.stringify(peer)}`).join(',\n');
  return publicFile(peersFile, `[\n${text}\n]\n`, 'restart');
});

function agentFile(context: RenderContext): AgentFile {
  const { spec, host, material } = context;
  const quorum = [...hostsWithRole(spec, 'quorum')].sort(
    (left, right) => Number(right.name === host.name) - Number(left.name === host.name),
  );
  const watcher = monitoringHosts(spec).findIndex(({ name }) => name === host.name);
  return {
    stack: spec.stack,
    stackId: material.stackId,
    host: host.name,
    address: host.address,
    interface: host.interface,
    prefixLength: parseSubnet(spec.network.subnet).prefixLength,
    roles: host.roles,
    ...(host.ssh === undefined ? {} : { runner: 'systemd' as const }),
    floatingAddresses: spec.site.addresses,
    operators: spec.network.operators,
    peersFile,
    etcdEndpoints: quorum.map((member) => `https://${member.address}:${ports.etcdClient}`),
    leaseMs: spec.quorum.leaseMs,
    tls: hostTls,
    dataDirectory,
    blocklist: { json: `${dataDirectory}/blocklist.json`, nft: `${dataDirectory}/blocklist.nft` },
    lab: host.ssh === undefined,
    ...(host.roles.includes('web') ? { routerControlSocket } : {}),
    ...(host.roles.includes('balancer')
      ? {
          balancer: {
            haproxySocket: haproxyPaths.adminSocket,
            haproxyHealthSocket: haproxyPaths.healthSocket,
            trackFile: keepalivedPaths.trackFile,
            advertMs: spec.balancer.advertMs,
          },
        }
      : {}),
    ...(host.roles.includes('database') ? { database: databaseConfig(context) } : {}),
    ...(host.roles.includes('web') ? { web: { nginxStatusSocket, routerControlSocket } } : {}),
    ...(watcher === -1 ? {} : { monitoring: { position: watcher } }),
  };
}

function databaseConfig({ spec, material }: RenderContext): NonNullable<AgentFile['database']> {
  return {
    dataDirectory: mariadbPaths.dataDirectory,
    socket: mariadbPaths.socket,
    port: ports.mariadb,
    optionFile: mariadbPaths.configuration,
    roleFile: mariadbPaths.roleFile,
    schema: spec.database.schema,
    accounts: Object.entries(spec.database.accounts).map(([name, { privileges }]) => ({ name, privileges })),
    ...(material.schemaSql === undefined ? {} : { schemaFile }),
    sync: spec.database.sync,
    degradeAfterMs: spec.database.degradeAfterMs,
    failover: spec.database.failover,
    switchover: spec.database.switchover,
    hooks: spec.database.hooks,
    binlogExpireSeconds: spec.database.binlogExpireSeconds,
    binlogMaxBytes: spec.database.binlogMaxBytes,
    applicationAccount: applicationAccount(spec),
    passwordsFile,
  };
}
