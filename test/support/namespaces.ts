/** The network namespaces of a lab, and the links between them, seen from the machine with plain iproute2. */
import { expectCommand } from './command.ts';

/** Name of a lab host's network namespace below /run/netns. */
export function namespaceOf(stack: string, host: string): string {
  return `tandem-${stack}-${host}`;
}

export async function namespaces(): Promise<readonly string[]> {
  const text = await expectCommand('ip', ['-j', 'netns', 'list']);
  return (JSON.parse(text || '[]') as { name: string }[]).map(({ name }) => name).sort();
}

export interface Link {
  readonly ifname: string;
  readonly ifindex: number;
  /** Index of the other end of a veth pair, in the other end's namespace. */
  readonly link_index?: number;
  readonly address?: string;
  readonly operstate?: string;
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}

/** Links with their addresses; of the machine itself without a namespace. */
export async function links(namespace?: string): Promise<readonly Link[]> {
  const where = namespace === undefined ? [] : ['-n', namespace];
  return JSON.parse(await expectCommand('ip', [...where, '-j', 'address', 'show'])) as Link[];
}

/** The machine's own interface in a lab's network: the bridge, which has the first address of the subnet. */
export async function bridgeOf(gateway: string): Promise<string> {
  const found = (await links()).find((link) => link.addr_info.some(({ local }) => local === gateway));
  if (found === undefined) throw new Error(`no interface of this machine has ${gateway}`);
  return found.ifname;
}

/** The interface by which a host is on its network. */
export async function uplinkOf(namespace: string): Promise<Link> {
  const found = (await links(namespace)).find(
    (link) => link.ifname !== 'lo' && link.link_index !== undefined,
  );
  if (found === undefined) throw new Error(`no link in namespace ${namespace}`);
  return found;
}

/**
 * Pulls (or plugs in) a host's cable: the far end goes down, so that the host loses its carrier and keeps its
 * addresses and routes, as with a real cable.
 */
export async function setCable(namespace: string, state: 'up' | 'down'): Promise<void> {
  const { link_index: peer } = await uplinkOf(namespace);
  const far = (await links()).find((link) => link.ifindex === peer);
  if (far === undefined) throw new Error(`the far end of ${namespace} is not on this machine`);
  await expectCommand('ip', ['link', 'set', 'dev', far.ifname, state]);
}
