/**
 * The ids of greetings, unique in the stack, so that whoever is asked to KILL one knows where its session is. They lie
 * above what a server counts up to, and below 2^31, for clients that keep them in a signed integer.
 *
 *     30      23     18                0
 *     1 nnnnnnn wwwww cccccccccccccccccc      n: number of the host's router, w: slot of the worker, c: counter
 */
const idBase = 0x4000_0000;
const slotBits = 5;
const counterBits = 18;

/** Workers of one router at the same time, those that drain included. */
export const workerSlots = 2 ** slotBits;
export const idsPerWorker = 2 ** counterBits;

export interface IdOwner {
  readonly router: number;
  readonly slot: number;
}

/** The first id of a worker; `idsPerWorker` are its own. */
export function firstIdOf({ router, slot }: IdOwner): number {
  return idBase + (router * workerSlots + slot) * idsPerWorker;
}

/** Whose session it is; undefined for an id that a server gave. */
export function ownerOfId(id: number): IdOwner | undefined {
  if (id < idBase || id >= 2 * idBase) return undefined;
  const worker = Math.floor((id - idBase) / idsPerWorker);
  return { router: Math.floor(worker / workerSlots), slot: worker % workerSlots };
}
