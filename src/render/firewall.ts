/**
 * nftables, the firewall of a host: what the stack's flows say, and nothing else, in and (egress deny) out. One file,
 * loaded as one transaction. Hosts of a stack speak IPv4 only: IPv6 is dropped but on loopback, link-local included.
 */
import type { Spec } from '#src/spec/spec.ts';
import { deriveFlows, type Flow, type FlowSource } from '#src/topology/flows.ts';
import { hostPaths } from '#src/topology/paths.ts';
import type { RenderContext } from './context.ts';
import { configPath, lines, publicFile } from './files.ts';
import { defaultRestart, type Service } from './service.ts';

const rules = configPath('firewall', 'rules.nft');
/** The block-list as the agent last wrote it: in force after a restart of the host before the agent runs. */
export const blocklistFile = `${hostPaths.data}/agent/blocklist.nft`;

export function firewallService(context: RenderContext): Service {
  const load = [
    '/bin/sh',
    '-c',
    `/usr/sbin/nft -f ${rules} && { [ ! -e ${blocklistFile} ] || /usr/sbin/nft -f ${blocklistFile}; }`,
  ];
  return {
    name: 'firewall',
    description: "Firewall: the stack's flows and the block-list",
    kind: 'oneshot',
    command: load,
    user: 'root',
    environment: {},
    directories: [{ path: `${hostPaths.data}/agent`, mode: 0o700, owner: 'root' }],
    files: [publicFile(rules, firewallRules(context), 'reload')],
    validate: ['/usr/sbin/nft', '-c', '-f', rules],
    reload: { kind: 'command', command: ['/usr/sbin/nft', '-f', rules] },
    readiness: { kind: 'process' },
    startTimeoutMs: 5_000,
    stop: { signal: 'SIGTERM', timeoutMs: 1_000 },
    restart: defaultRestart,
    after: [],
    startedBy: 'always',
    packages: ['nftables', 'iproute2'],
  };
}

export function firewallRules({ spec, host }: RenderContext): string {
  const flows = deriveFlows(spec);
  const inbound = flows.filter((flow) => flow.to === host.name);
  const outbound = flows.filter((flow) => Array.isArray(flow.from) && flow.from.includes(host.name));
  const { connectionsPerSecond, connectionBurst } = spec.balancer.rateLimit;
  return lines(
    '# Rendered by Tandem from the stack file; changes here are overwritten by the next `tandem up`.',
    'table inet tandem',
    'delete table inet tandem',
    'table inet tandem {',
    '    set flooders {',
    '        type ipv4_addr',
    '        size 65535',
    '        flags dynamic,timeout',
    '        timeout 60s',
    '    }',
    '    chain input {',
    '        type filter hook input priority filter; policy drop;',
    '        iif lo accept',
    '        meta nfproto ipv6 drop',
    '        ct state established,related accept',
    '        ct state invalid drop',
    '        ip protocol icmp icmp type { echo-request, destination-unreachable, time-exceeded, parameter-problem } limit rate 100/second accept',
    inbound.filter((flow) => flow.limited).length > 0 &&
      `        tcp dport { ${ports(inbound.filter((flow) => flow.limited))} } ct state new add @flooders { ip saddr limit rate over ${connectionsPerSecond}/second burst ${connectionBurst} packets } drop`,
    ...inbound.filter((flow) => flow.protocol !== 'icmp').map((flow) => `        ${accept(spec, flow)}`),
    '    }',
    '    chain forward {',
    '        type filter hook forward priority filter; policy drop;',
    '    }',
    '    chain output {',
    `        type filter hook output priority filter; policy ${spec.network.egress === 'allow' ? 'accept' : 'drop'};`,
    '        oif lo accept',
    '        meta nfproto ipv6 drop',
    '        ct state established,related accept',
    '        ip protocol icmp accept',
    ...outbound.map((flow) => `        ${depart(spec, flow)}`),
    // A host of its own tier reaches itself over its address through lo; the floating address is on an interface.
    '    }',
    '}',
  );
}

function ports(flows: readonly Flow[]): string {
  return flows.map((flow) => flow.port).join(', ');
}

function sources(spec: Spec, from: FlowSource): string {
  if (from === 'any') return '';
  const addresses = from === 'operators' ? spec.network.operators : from.map((name) => addressOf(spec, name));
  return `ip saddr { ${addresses.join(', ')} } `;
}

function addressOf(spec: Spec, name: string): string {
  return spec.hosts.find((host) => host.name === name)?.address ?? '';
}

function accept(spec: Spec, flow: Flow): string {
  const from = sources(spec, flow.from);
  const what = flow.protocol === 'vrrp' ? 'ip protocol 112' : `tcp dport ${flow.port} ct state new`;
  return `${from}${what} accept comment "${flow.service}: ${flow.purpose}"`;
}

function depart(spec: Spec, flow: Flow): string {
  const what = flow.protocol === 'vrrp' ? 'ip protocol 112' : `tcp dport ${flow.port} ct state new`;
  return `ip daddr ${addressOf(spec, flow.to)} ${what} accept comment "${flow.service}: ${flow.purpose}"`;
}
