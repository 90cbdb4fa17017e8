/**
 * nftables, the firewall of a host: what the stack's flows say, and nothing else, in and (egress deny) out. One file,
 * loaded as one transaction. Hosts of a stack speak IPv4 only: IPv6 is dropped but on loopback, link-local included.
 */
import { hostByName, type Spec } from '#src/spec/spec.ts';
import { type Destination, type Flow, flowsOf } from '#src/topology/flows.ts';
import { type Departure, departures } from '#src/topology/monitoring-flows.ts';
import { hostPaths } from '#src/topology/paths.ts';
import type { RenderContext } from './context.ts';
import { configPath, lines, publicFile } from './files.ts';
import { defaultRestart, type Service } from './service.ts';

const rules = configPath('firewall', 'rules.nft');
/** The block-list as the agent last wrote it: in force after a restart of the host before the agent runs. */
export const blocklistFile = `${hostPaths.data}/agent/blocklist.nft`;

/** Hash of the table as the kernel has it, without counters and the elements of sets. */
const rulesNote = `${hostPaths.run}/firewall.loaded`;
const noteRules = `/usr/sbin/nft -s -t list table inet tandem | sha256sum >${rulesNote}`;

export function firewallService(context: RenderContext): Service {
  const loadRules = `/usr/sbin/nft -f ${rules}`;
  const loadBlocklist = `{ [ ! -e ${blocklistFile} ] || /usr/sbin/nft -f ${blocklistFile}; }`;
  // On a server, what was loaded is noted: rules that differ later were changed by somebody else.
  const noted = context.host.ssh === undefined ? [] : [noteRules];
  const load = ['/bin/sh', '-c', [loadRules, loadBlocklist, ...noted].join(' && ')];
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
    reload: {
      kind: 'command',
      command:
        noted.length === 0
          ? ['/usr/sbin/nft', '-f', rules]
          : ['/bin/sh', '-c', [loadRules, ...noted].join(' && ')],
    },
    readiness: { kind: 'process' },
    startTimeoutMs: 5_000,
    stop: { signal: 'SIGTERM', timeoutMs: 1_000 },
    restart: defaultRestart,
    after: [],
    startedBy: 'always',
    confinement: { capabilities: ['CAP_NET_ADMIN', 'CAP_DAC_READ_SEARCH'], writable: [hostPaths.run] },
    packages: ['nftables', 'iproute2'],
  };
}

/** The ruleset of one host, for `nft -f`: it replaces the table of an earlier one in a single transaction. */
export function firewallRules({ spec, host }: RenderContext): string {
  const flows = flowsOf(spec, host);
  const hasSource = (flow: Flow) => flow.from !== 'operators' || spec.network.operators.length > 0;
  const inbound = flows.inbound.filter((flow) => flow.protocol !== 'icmp' && hasSource(flow));
  const outbound = flows.outbound.filter(({ protocol }) => protocol !== 'icmp');
  const { operators } = spec.network;
  return lines(
    '# Rendered by Tandem from the stack file; changes here are overwritten by the next `tandem up`.',
    '# What is not a flow of the stack (`tandem plan --flows`) is dropped. IPv6: all of it but loopback, link-local too;',
    '# the hosts of a stack speak IPv4 only. The block-list is a table of its own (tandem_blocklist), before this one.',
    'table inet tandem',
    'delete table inet tandem',
    'table inet tandem {',
    operators.length > 0 && [
      '    set operators {',
      '        type ipv4_addr',
      '        flags interval',
      '        auto-merge',
      `        elements = { ${operators.join(', ')} }`,
      '    }',
    ],
    limitedPorts(inbound).length > 0 && [
      '    set new_connections {',
      '        type ipv4_addr',
      '        size 65535',
      '        flags dynamic,timeout',
      '        timeout 60s',
      '    }',
    ],
    '    chain input {',
    '        type filter hook input priority filter; policy drop;',
    '        iif lo accept',
    '        meta nfproto ipv6 drop',
    '        ct state established,related accept',
    '        ct state invalid drop',
    // Errors about our own connections are `related`; what is left are questions.
    '        icmp type echo-request limit rate 100/second accept',
    ...limit(spec, inbound),
    ...inbound.map((flow) => `        ${accept(spec, flow)}`),
    '    }',
    '    chain forward {',
    '        type filter hook forward priority filter; policy drop;',
    '    }',
    '    chain output {',
    `        type filter hook output priority filter; policy ${spec.network.egress === 'allow' ? 'accept' : 'drop'};`,
    '        oif lo accept',
    '        meta nfproto ipv6 drop',
    '        ct state established,related accept',
    spec.network.egress === 'deny' && [
      `        ip daddr ${spec.network.subnet} icmp type echo-request accept`,
      ...outbound.map((destination) => `        ${depart(spec, destination)}`),
      ...(host.ssh === undefined ? [] : systemNeeds(spec)),
      ...departures(spec, host).map((departure) => `        ${leaveStack(departure)}`),
    ],
    '    }',
    '}',
  );
}

/**
 * What a server's own system does beside the stack: find names, keep its clock and its lease of an address, and fetch
 * packages (apt does that as a user of its own). sshd's answers are let out whatever the kernel knows of the connection:
 * the one that brings the firewall was there before it, and was not tracked.
 */
function systemNeeds({ ssh }: Spec): readonly string[] {
  return [
    `        ip daddr @operators tcp sport ${ssh.port} accept comment "sshd: answers"`,
    '        udp dport { 53, 123 } accept comment "names, time"',
    '        tcp dport 53 accept comment "names"',
    '        udp sport 68 udp dport 67 accept comment "DHCP"',
    '        meta skuid _apt tcp dport { 80, 443 } accept comment "Debian packages"',
  ];
}

function limitedPorts(flows: readonly Flow[]): readonly number[] {
  return flows.flatMap((flow) => (flow.limited === true && flow.port !== undefined ? [flow.port] : []));
}

function limit(spec: Spec, inbound: readonly Flow[]): readonly string[] {
  const limited = limitedPorts(inbound);
  if (limited.length === 0) return [];
  const { connectionsPerSecond, connectionBurst } = spec.balancer.rateLimit;
  const rate = `limit rate over ${connectionsPerSecond}/second burst ${connectionBurst} packets`;
  return [
    `        tcp dport { ${limited.join(', ')} } ct state new update @new_connections { ip saddr ${rate} } drop`,
  ];
}

function addressesOf(spec: Spec, names: readonly string[]): readonly string[] {
  return names.flatMap((name) => hostByName(spec, name)?.address ?? []);
}

function set(items: readonly (string | number)[]): string {
  return items.length === 1 ? String(items[0]) : `{ ${items.join(', ')} }`;
}

function traffic(flow: Pick<Flow, 'protocol' | 'port'>): string {
  // VRRP by its number: names are in /etc/protocols, which a small machine does not have (package netbase).
  return flow.protocol === 'vrrp' ? 'ip protocol 112' : `tcp dport ${flow.port} ct state new`;
}

/** What everybody may reach is also at the floating addresses; all else is at the host's own only. */
function accept(spec: Spec, flow: Flow): string {
  const verdict = `${traffic(flow)} accept comment "${flow.service}: ${flow.purpose}"`;
  if (flow.from === 'any') return verdict;
  const floating = flow.floating === true ? spec.site.addresses : [];
  const own = `ip daddr ${set([...addressesOf(spec, [flow.to]), ...floating])} ${verdict}`;
  // Operators may come by another address of a server than the one that the stack uses.
  if (flow.service === 'sshd') return `ip saddr @operators ${verdict}`;
  if (flow.from === 'operators') return `ip saddr @operators ${own}`;
  return `ip saddr ${set(addressesOf(spec, flow.from))} ${own}`;
}

/** By user: no other program of the host gets out by this door. */
function leaveStack({ user, to, protocol, port, purpose }: Departure): string {
  const place = to === 'any' ? '' : ` ip daddr ${to}`;
  return `meta skuid ${user}${place} ${protocol} dport ${port} ct state new accept comment "${purpose}"`;
}

/** One rule a service: its hosts are a set, so that neither the rules nor the kernel's way through them grow with the stack. */
function depart(spec: Spec, destination: Destination): string {
  const { to, isPublic, floating, service, purpose } = destination;
  // What everybody may reach is reached by the floating addresses too.
  const alsoAt = isPublic || floating === true ? spec.site.addresses : [];
  return `ip daddr ${set([...addressesOf(spec, to), ...alsoAt])} ${traffic(destination)} accept comment "${service}: ${purpose}"`;
}
