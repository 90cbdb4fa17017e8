/** A lab's network: a bridge on the machine, and per host a namespace with a cable to it. Everything can be repeated. */
import { readFile, writeFile } from 'node:fs/promises';
import { TandemError } from '#src/std/errors.ts';
import { parseSubnet } from '#src/std/ipv4.ts';
import { expectCommand, runCommand } from './command.ts';
import { bridgeName, cableName, linkPrefix, namespaceName, tableName } from './names.ts';
import { namespaceIsThere, namespaceNames } from './registry.ts';

export interface LabNetwork {
  readonly stack: string;
  /** CIDR. */
  readonly subnet: string;
  /** The machine's own address in it. */
  readonly gateway: string;
  readonly egress: 'allow' | 'deny';
}

interface Link {
  readonly ifname: string;
  readonly operstate?: string;
  readonly flags?: readonly string[];
  readonly master?: string;
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

async function linkIn(namespace: string | undefined, name: string): Promise<Link | undefined> {
  const where = namespace === undefined ? [] : ['-n', namespace];
  const { code, stdout } = await runCommand(['ip', ...where, '-json', 'address', 'show', 'dev', name]);
  if (code !== 0) return undefined;
  // A missing interface shows as an empty object in some versions of iproute2.
  return (JSON.parse(stdout || '[]') as Partial<Link>[]).find((link): link is Link => link.ifname === name);
}

function isUp(link: Link | undefined, address: string, prefixLength: number): boolean {
  return (
    link?.flags?.includes('UP') === true &&
    link.addr_info?.some(({ local, prefixlen }) => local === address && prefixlen === prefixLength) === true
  );
}

function batch(namespace: string | undefined, lines: readonly string[]): Promise<string> {
  const where = namespace === undefined ? [] : ['-n', namespace];
  return expectCommand(['ip', ...where, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** The rules that keep a lab to itself: nothing is forwarded between its bridge and anything else (or other labs). */
export function isolationRules({ stack, gateway, egress, subnet }: LabNetwork): string {
  const table = `inet ${tableName(stack)}`;
  const bridge = `"${bridgeName(stack)}"`;
  const forward =
    egress === 'deny'
      ? [`iifname ${bridge} oifname != ${bridge} drop`, `oifname ${bridge} iifname != ${bridge} drop`]
      : [
          `iifname ${bridge} oifname != ${bridge} oifname "td*" drop`,
          `oifname ${bridge} iifname != ${bridge} ct state != { established, related } drop`,
        ];
  const masquerade = [
    '  chain outbound {',
    '    type nat hook postrouting priority srcnat; policy accept;',
    `    ip saddr ${subnet} oifname != ${bridge} masquerade`,
    '  }',
  ];
  return [
    `table ${table} {}`,
    `delete table ${table}`,
    `table ${table} {`,
    '  chain input {',
    '    type filter hook input priority -10; policy accept;',
    // Hosts reach the machine at the lab's own address only, not at another lab's.
    `    iifname ${bridge} fib daddr type local ip daddr != ${gateway} drop`,
    '  }',
    '  chain forward {',
    '    type filter hook forward priority -10; policy accept;',
    ...forward.map((rule) => `    ${rule}`),
    '  }',
    ...(egress === 'allow' ? masquerade : []),
    '}',
    '',
  ].join('\n');
}

/** Bridge with the gateway's address, and the isolation. */
export async function ensureBridge(network: LabNetwork): Promise<void> {
  const name = bridgeName(network.stack);
  const { prefixLength } = parseSubnet(network.subnet);
  // First the fence, then what it is around.
  await expectCommand(['nft', '-f', '-'], { input: isolationRules(network) });
  const link = await linkIn(undefined, name);
  if (isUp(link, network.gateway, prefixLength)) return;
  if (link === undefined) {
    await batch(undefined, [`link add ${name} type bridge forward_delay 0 stp_state 0 mcast_snooping 0`]);
  }
  await batch(undefined, [
    `address flush dev ${name} scope global`,
    `address add ${network.gateway}/${prefixLength} broadcast + dev ${name}`,
    `link set ${name} up`,
  ]);
}

const forwardingPath = '/proc/sys/net/ipv4/ip_forward';

/** True when forwarding was off and is on now. */
export async function enableForwarding(): Promise<boolean> {
  if ((await readFile(forwardingPath, 'utf8')).trim() === '1') return false;
  await writeFile(forwardingPath, '1');
  return true;
}

export async function disableForwarding(): Promise<void> {
  await writeFile(forwardingPath, '0');
}

export async function namespaceExists(stack: string, host: string): Promise<boolean> {
  return (await namespaceNames()).includes(namespaceName(stack, host));
}

/** Namespace, cable and address of one host. A half-made one is completed. */
export async function ensureHostNetwork(network: LabNetwork, host: string, address: string): Promise<void> {
  const namespace = namespaceName(network.stack, host);
  const cable = cableName(network.stack, host);
  const { prefixLength } = parseSubnet(network.subnet);
  await ensureNamespace(namespace);
  const [inside, outside] = await Promise.all([linkIn(namespace, 'eth0'), linkIn(undefined, cable)]);
  const route = network.egress === 'allow' ? [`route replace default via ${network.gateway}`] : [];
  const isWired = outside?.master === bridgeName(network.stack) && inside !== undefined;
  if (isWired && isUp(inside, address, prefixLength) && outside.flags?.includes('UP') === true) {
    await batch(namespace, ['link set lo up', ...route]);
    return;
  }
  if (!isWired) {
    if (outside !== undefined) await runCommand(['ip', 'link', 'delete', cable]);
    if (inside !== undefined) await runCommand(['ip', '-n', namespace, 'link', 'delete', 'eth0']);
    await batch(undefined, [
      `link add ${cable} type veth peer name eth0 netns ${namespace}`,
      `link set ${cable} master ${bridgeName(network.stack)}`,
    ]);
  }
  await batch(undefined, [`link set ${cable} up`]);
  await batch(namespace, [
    'link set lo up',
    'address flush dev eth0 scope global',
    `address add ${address}/${prefixLength} broadcast + dev eth0`,
    'link set eth0 up',
    ...route,
  ]);
}

/** A name without a namespace behind it (left by a killed `ip netns add`) is made anew. */
async function ensureNamespace(namespace: string): Promise<void> {
  if ((await namespaceNames()).includes(namespace)) {
    const { code } = await runCommand(['ip', '-n', namespace, 'link', 'show', 'dev', 'lo']);
    if (code === 0) return;
    await runCommand(['ip', 'netns', 'delete', namespace]);
  }
  await expectCommand(['ip', 'netns', 'add', namespace]);
}

export async function processesIn(namespace: string): Promise<readonly number[]> {
  // A stack that was never up has a thousand namespaces that are not there: no program is started to find that.
  if (!(await namespaceIsThere(namespace))) return [];
  const { code, stdout } = await runCommand(['ip', 'netns', 'pids', namespace]);
  return code === 0 ? stdout.split('\n').filter(Boolean).map(Number) : [];
}

/** Takes away a host's namespace and cable; its processes must have ended. */
export async function removeHostNetwork(stack: string, host: string): Promise<void> {
  const namespace = namespaceName(stack, host);
  await runCommand(['ip', 'link', 'delete', cableName(stack, host)]);
  if ((await namespaceNames()).includes(namespace)) await expectCommand(['ip', 'netns', 'delete', namespace]);
}

/** Takes away bridge, isolation and every other link of the lab. */
export async function removeBridge(stack: string): Promise<void> {
  const links = JSON.parse(await expectCommand(['ip', '-json', 'link', 'show'])) as Link[];
  const own = links.filter(({ ifname }) => ifname.startsWith(linkPrefix(stack)));
  for (const { ifname } of own) await runCommand(['ip', 'link', 'delete', ifname]);
  await removeTable('inet', tableName(stack));
}

export async function removeTable(family: 'inet' | 'bridge', table: string): Promise<void> {
  const input = `table ${family} ${table} {}\ndelete table ${family} ${table}\n`;
  const { code, stderr } = await runCommand(['nft', '-f', '-'], { input });
  if (code !== 0 && (await runCommand(['nft', 'list', 'table', family, table])).code === 0) {
    throw new TandemError(
      'command-failed',
      `The nftables table ${family} ${table} could not be removed: ${stderr}`,
    );
  }
}
