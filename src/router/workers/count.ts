/** How many workers a router has on this machine. */
import { availableParallelism } from 'node:os';

/** Beyond this a second router is of more use than another worker. */
const most = 8;

/**
 * One for every two cores, because a web host's cores are nginx's, the application's and often a database's as well: one
 * up to three cores.
 */
export function defaultWorkers(cores = availableParallelism()): number {
  return Math.max(1, Math.min(most, Math.floor(cores / 2)));
}
