/**
 * Every sequence of stops and starts: after each step either a primary that has every acknowledged write, or none and a
 * sentence that says why; and in the end, with all started, everything in order again.
 */
import type { SyncMode } from '#src/ha/state.ts';
import { powerOn, switchOff } from './faults.ts';
import { seeded } from './random.ts';
import { buildWorld, clients, converged, identical } from './schedule.ts';
import type { SimNode, World } from './world.ts';

const settleMs = 9_000;

export interface OrderResult {
  /** One picture per step: M primary, S replica, X down. */
  readonly pictures: readonly string[];
  readonly reasons: readonly string[];
  readonly problem: string | null;
}

/** All orders of `length` toggles over `members` members: at each, one member stops, or starts when it is stopped. */
export function allOrders(members: number, length: number): number[][] {
  let orders: number[][] = [[]];
  for (let step = 0; step < length; step++) {
    orders = orders.flatMap((order) => Array.from({ length: members }, (_, member) => [...order, member]));
  }
  return orders;
}

function picture(world: World): string {
  return world.nodes
    .map(({ server, hostUp }) => (!hostUp || !server.running ? 'X' : server.readOnly ? 'S' : 'M'))
    .join('');
}

function check(world: World): { problem: string | null; reason: string } {
  const { ledger } = world;
  if (ledger.violation !== null)
    return { problem: `${ledger.violation.property}: ${ledger.violation.detail}`, reason: '' };
  const primaries = world.nodes.filter((node) => node.server.running && !node.server.readOnly);
  if (primaries.length > 1) return { problem: 'two primaries', reason: '' };
  const primary = primaries[0];
  if (primary !== undefined) {
    const complete = ledger.contains(primary.server, 'leads');
    return { problem: complete ? null : `${primary.name} leads without an acknowledged write`, reason: '' };
  }
  const awake = world.nodes.filter((node) => node.agentUp);
  const reason = awake.map((node) => `${node.name}: ${node.lastSentence}`).join('; ');
  const explained = awake.length === 0 || awake.every((node) => node.lastSentence !== '');
  return { problem: explained ? null : 'no primary, and no reason', reason };
}

export function runOrder(order: readonly number[], members: number, mode: SyncMode): OrderResult {
  const random = seeded(order.reduce((sum, member) => sum * 7 + member + 1, members));
  const world = buildWorld(random, members, mode, { trace: true });
  world.queue.after(100, () => clients(world, 200));
  let until = 1_500;
  const run = (forMs: number): void => {
    until += forMs;
    while (world.ledger.violation === null && world.queue.step(until));
  };
  run(0);
  const pictures = [picture(world)];
  const reasons: string[] = [];
  for (const index of order) {
    const node = world.nodes[index] as SimNode;
    if (node.hostUp) switchOff(world, node);
    else powerOn(world, node);
    run(settleMs);
    pictures.push(picture(world));
    const { problem, reason } = check(world);
    reasons.push(reason);
    if (problem !== null) return { pictures, reasons, problem };
  }
  for (const node of world.nodes) powerOn(world, node);
  let why: string | null = 'not yet';
  for (let tries = 0; tries < 10 && why !== null; tries++) {
    run(3_000);
    why = converged(world, mode);
  }
  pictures.push(picture(world));
  return { pictures, reasons, problem: why ?? check(world).problem ?? identical(world) };
}
