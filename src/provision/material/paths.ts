/** Where a stack's secrets and certificates lie, below its state directory. */
import { join } from 'node:path';

export interface MaterialPaths {
  readonly directory: string;
  /** Stack identity and passwords (JSON). */
  readonly secrets: string;
  readonly ca: string;
  readonly caKey: string;
  readonly operator: PairPaths;
  readonly site: PairPaths;
  /** The dashboard's identity, and (JSON) its session key and hashes. */
  readonly dashboard: PairPaths;
  readonly dashboardAccess: string;
  host(name: string): PairPaths;
  /** Identity of what monitors on a host. */
  monitoring(name: string): PairPaths;
}

export interface PairPaths {
  readonly certificate: string;
  readonly key: string;
}

export function materialPaths(stateDirectory: string): MaterialPaths {
  const directory = join(stateDirectory, 'material');
  const pair = (name: string): PairPaths => ({
    certificate: join(directory, `${name}.pem`),
    key: join(directory, `${name}.key`),
  });
  return {
    directory,
    secrets: join(directory, 'secrets.json'),
    ca: join(directory, 'ca.pem'),
    caKey: join(directory, 'ca.key'),
    operator: pair('operator'),
    site: pair('site'),
    dashboard: pair('dashboard'),
    dashboardAccess: join(directory, 'dashboard.json'),
    host: (name) => pair(`host-${name}`),
    monitoring: (name) => pair(`monitoring-${name}`),
  };
}
