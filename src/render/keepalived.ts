/**
 * keepalived 2.2 in VRRPv3 (RFC 5798): which balancer holds a floating address. Directives as in keepalived.conf(5).
 */
import { hostsWithRole } from '#src/spec/spec.ts';
import { parseSubnet } from '#src/std/ipv4.ts';
import { hostPaths } from '#src/topology/paths.ts';
import type { RenderContext } from './context.ts';
import { configPath, lines, publicFile } from './files.ts';
import { defaultRestart, punctual, type Service } from './service.ts';

const runDirectory = `${hostPaths.run}/keepalived`;

export const keepalivedPaths = {
  configuration: configPath('keepalived', 'keepalived.conf'),
  /** Written by the agent: 0 while HAProxy is healthy, -254 while it is not. keepalived watches it with inotify. */
  trackFile: `${runDirectory}/haproxy`,
} as const;

const highestPriority = 200;
const priorityStep = 10;

export function keepalivedService(context: RenderContext): Service {
  const { spec, host } = context;
  const { prefixLength } = parseSubnet(spec.network.subnet);
  return {
    name: 'keepalived',
    description: 'Floating address: VRRP between the balancers',
    kind: 'daemon',
    command: [
      '/usr/sbin/keepalived',
      '--dont-fork',
      '--dont-respawn',
      '--log-console',
      '--vrrp',
      `--pid=${runDirectory}/keepalived.pid`,
      `--vrrp_pid=${runDirectory}/vrrp.pid`,
      `--use-file=${keepalivedPaths.configuration}`,
    ],
    user: 'root',
    environment: {},
    directories: [{ path: runDirectory, mode: 0o755, owner: 'root' }],
    files: [publicFile(keepalivedPaths.configuration, keepalivedConfiguration(context), 'reload')],
    validate: ['/usr/sbin/keepalived', '--config-test', `--use-file=${keepalivedPaths.configuration}`],
    beforeStart: [
      // It takes a killed predecessor that nobody has reaped yet for a running one.
      ['/bin/rm', '-f', `${runDirectory}/keepalived.pid`, `${runDirectory}/vrrp.pid`],
      // Unhealthy until the agent has seen HAProxy answer.
      ['/bin/sh', '-c', `[ -e ${keepalivedPaths.trackFile} ] || echo -254 > ${keepalivedPaths.trackFile}`],
    ],
    // A dead keepalived leaves its addresses behind; two hosts would answer for them.
    afterStop: spec.site.addresses.map((address) => [
      '/bin/sh',
      '-c',
      `ip address del ${address}/${prefixLength} dev ${host.interface} 2>/dev/null || true`,
    ]),
    reload: { kind: 'signal', signal: 'SIGHUP' },
    readiness: { kind: 'process' },
    startTimeoutMs: 5_000,
    stop: { signal: 'SIGTERM', timeoutMs: 2_000 },
    restart: defaultRestart,
    after: ['firewall', 'haproxy'],
    startedBy: 'always',
    nice: punctual,
    confinement: {
      capabilities: ['CAP_NET_ADMIN', 'CAP_NET_BROADCAST', 'CAP_NET_RAW', 'CAP_SETGID', 'CAP_SETUID'],
      rawSockets: true,
    },
    packages: ['keepalived', 'iproute2'],
  };
}

function keepalivedConfiguration(context: RenderContext): string {
  const { spec, host } = context;
  const { prefixLength } = parseSubnet(spec.network.subnet);
  const balancers = hostsWithRole(spec, 'balancer');
  const own = balancers.findIndex((balancer) => balancer.name === host.name);
  const peers = balancers.filter((balancer) => balancer.name !== host.name);
  const instances = spec.site.addresses.map((address, index) => {
    // Address i prefers balancer i; the others follow in the order of the stack file.
    const rank = (own - index + balancers.length) % balancers.length;
    return lines(
      '',
      `vrrp_instance address_${index + 1} {`,
      '    version 3',
      '    state BACKUP',
      `    interface ${host.interface}`,
      `    virtual_router_id ${51 + index}`,
      `    priority ${highestPriority - rank * priorityStep}`,
      `    advert_int ${(spec.balancer.advertMs / 1_000).toFixed(2)}`,
      // Without anybody to speak to keepalived takes these for a mistake.
      peers.length > 0 && [
        `    unicast_src_ip ${host.address}`,
        '    unicast_peer {',
        ...peers.map((peer) => `        ${peer.address}`),
        '    }',
      ],
      '    garp_master_delay 1',
      '    garp_master_repeat 3',
      '    garp_master_refresh 5',
      '    virtual_ipaddress {',
      `        ${address}/${prefixLength} dev ${host.interface}`,
      '    }',
      '    track_file {',
      '        haproxy weight 1',
      '    }',
      '}',
    );
  });
  return (
    lines(
      '# Rendered by Tandem from the stack file; changes here are overwritten by the next `tandem up`.',
      'global_defs {',
      `    router_id ${host.name}`,
      '    vrrp_version 3',
      '    script_user root',
      '    enable_script_security',
      '}',
      '',
      'track_file haproxy {',
      `    file ${keepalivedPaths.trackFile}`,
      '    weight 1',
      '}',
    ) + instances.join('')
  );
}
