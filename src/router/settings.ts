/** The configuration file of a router: what it is told, and where it learns of the members. */
import { readFile } from 'node:fs/promises';
import type { EtcdOptions } from '#src/adapters/etcd/client.ts';
import { type RouterConfig, routerDefaults } from './config.ts';
import type { RouterLog } from './session/host.ts';
import { EtcdTopology, type MemberAddresses } from './topology/from-etcd.ts';
import { FileTopology } from './topology/from-file.ts';
import type { StaticTopology } from './topology/topology.ts';

/** Where it learns of the members: from etcd, or by hand from a file. */
type TopologySource =
  | { readonly topologyFile: string }
  | { readonly etcd: EtcdOptions; readonly members: MemberAddresses };

export type RouterSettings = RouterConfig & TopologySource;

/** Rejects when the file can't be read, or is no JSON. */
export async function readSettings(file: string): Promise<RouterSettings> {
  return { ...routerDefaults, ...(JSON.parse(await readFile(file, 'utf8')) as RouterSettings) };
}

export function openTopology(
  settings: RouterSettings,
  log: RouterLog,
): StaticTopology & { readonly close: () => void } {
  if ('topologyFile' in settings) return new FileTopology(settings.topologyFile, log);
  return new EtcdTopology(settings.etcd, settings.members, log);
}
