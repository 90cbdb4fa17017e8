/** The network of test hosts: a bridge that this machine is on, and a namespace with one cable for each host. */
import { command, expectCommand } from '../command.ts';
import { addressWithLength, gatewayOf } from '../subnet.ts';

/** Names of interfaces have 15 characters at most. */
export const bridgeName = (name: string) => `hb-${name}`.slice(0, 15);
export const namespaceName = (name: string, host: string) => `hosts-${name}-${host}`;

const ip = (...words: string[]) => expectCommand('ip', words);

export async function createBridge(name: string, subnet: string): Promise<void> {
  const bridge = bridgeName(name);
  await ip('link', 'add', bridge, 'type', 'bridge');
  await ip('address', 'add', addressWithLength(subnet, 1), 'dev', bridge);
  await ip('link', 'set', bridge, 'up');
}

/** A namespace whose `eth0` is plugged into the bridge: what a machine has when it is switched on. */
export async function createNamespace(
  name: string,
  host: string,
  index: number,
  subnet: string,
): Promise<string> {
  const namespace = namespaceName(name, host);
  const port = `h${index}-${name}`.slice(0, 15);
  await ip('netns', 'add', namespace);
  await ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
  await ip('link', 'set', port, 'master', bridgeName(name), 'up');
  const inside = (...words: string[]) => ip('-n', namespace, ...words);
  await inside('link', 'set', 'lo', 'up');
  await inside('address', 'add', addressWithLength(subnet, 11 + index), 'dev', 'eth0');
  await inside('link', 'set', 'eth0', 'up');
  await inside('route', 'add', 'default', 'via', gatewayOf(subnet));
  return namespace;
}

/** The cable goes with it. */
export async function removeNamespace(name: string, host: string): Promise<void> {
  await command('ip', ['netns', 'delete', namespaceName(name, host)]);
}

export async function removeBridge(name: string): Promise<void> {
  await command('ip', ['link', 'delete', bridgeName(name)]);
}
