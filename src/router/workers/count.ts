/** How many workers a router has on this machine. */
import { availableParallelism } from 'node:os';

/** To each member: as the stack file's rules have it. */
const connectionsPerWorker = 4;
/** Beyond this a second router is of more use than another worker. */
const most = 8;

/**
 * One for every two cores, because a web host's cores are nginx's, the application's and often a database's as well: one
 * up to three cores. Fewer where they would have to share too few connections to a member.
 */
export function defaultWorkers(maxConnectionsPerMember: number, cores = availableParallelism()): number {
  const served = Math.floor(maxConnectionsPerMember / connectionsPerWorker);
  return Math.max(1, Math.min(most, Math.floor(cores / 2), served));
}
