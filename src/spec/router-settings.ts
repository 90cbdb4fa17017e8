/** The SQL router's settings as they hold: what the stack file says, and what depends on other keys. */
import type { ParsedStack } from './schema.ts';
import { hostsWithRole, type Spec } from './spec.ts';

export type RouterSettings = ParsedStack['database']['router'] & { readonly maxConnectionsPerMember: number };

/** Of each member's connections: for the agents, replication, operators, and the routers' own questions. */
export const keptConnections = 20;

/** In one stack: a connection id has so many bits for the number of its host's router (src/router/connection-ids.ts). */
export const maxRouters = 127;

/** To each member, at least: two for a worker's own questions, one for its clients, one for those of the worker before it. */
export const connectionsPerWorker = 4;

export function routerSettings(spec: Spec): RouterSettings {
  const { router, maxConnections } = spec.database;
  const routers = Math.max(1, hostsWithRole(spec, 'web').length);
  const share = Math.floor((maxConnections - keptConnections) / routers);
  return { ...router, maxConnectionsPerMember: router.maxConnectionsPerMember ?? share };
}
