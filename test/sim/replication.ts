/** Writes, the replication stream and its acknowledgements, between the servers of a world. */
import { standbyOf } from '#src/ha/keys.ts';
import type { MariadbModel, Transaction } from './mariadb-model.ts';
import type { SimNode, World } from './world.ts';

const reconnectMs = 400;

/** A write by a client or by the agent. False when the server can't take it. */
export function write(world: World, node: SimNode, kind: { marker: number; client: boolean }): boolean {
  const { server } = node;
  if (!server.running || server.frozen || server.diskFull) return false;
  const transaction: Transaction = {
    id: ++world.transactionId,
    index: server.log.length,
    server: server.serverId,
    marker: kind.marker,
    client: kind.client,
    hole: false,
  };
  server.log.push(transaction);
  if (server.semiSyncSource) server.waiting.push({ transaction });
  else confirm(world, server, transaction);
  for (const other of world.nodes) {
    if (other.server.source === node.name && other.server.io) pumpSoon(world, other);
  }
  return true;
}

/** The server answers OK for a transaction. */
function confirm(world: World, server: MariadbModel, transaction: Transaction): void {
  world.mix(transaction.id);
  world.ledger.acknowledge(server, transaction);
  const { sync } = world.etcd.store;
  if (world.ledger.mayLose || sync === null || !transaction.client) return;
  if (sync.members.length > 1 && sync.leader === server.name && sync.epoch === server.marker()) {
    const standby = world.byName.get(standbyOf(sync) ?? '');
    if (standby !== undefined) world.ledger.holds(standby.server, transaction);
  }
}

/** An acknowledgement reaches the source, or its socket when the source is frozen. */
export function acknowledged(world: World, node: SimNode, instance: number, upTo: number): void {
  const { server } = node;
  if (!server.running || server.instance !== instance) return;
  if (server.frozen) {
    node.statements.push(() => acknowledged(world, node, instance, upTo));
    return;
  }
  if (!server.semiSyncSource) return;
  while (server.waiting.length > 0) {
    const first = server.waiting[0];
    if (first === undefined || first.transaction.index >= upTo) break;
    server.waiting.shift();
    server.confirmations++;
    server.unflushed = 1;
    confirm(world, server, first.transaction);
  }
}

/** Switching the source side off answers OK to all that waits. */
export function releaseAll(world: World, server: MariadbModel): void {
  const { waiting } = server;
  server.waiting = [];
  for (const { transaction } of waiting) confirm(world, server, transaction);
}

export function pumpSoon(
  world: World,
  node: SimNode,
  delayMs = world.random.between(1, 2 * world.delayMs),
): void {
  if (node.server.pumpScheduled) return;
  node.server.pumpScheduled = true;
  world.queue.after(delayMs, () => {
    node.server.pumpScheduled = false;
    pump(world, node);
  });
}

/** Starts the IO thread, which reads the semi-sync variable now and never again. */
export function startIo(world: World, node: SimNode): void {
  const { server } = node;
  server.io = true;
  server.connected = false;
  server.connection++;
  server.semiSyncEffective = server.semiSyncReplica;
  pumpSoon(world, node);
}

function reachable(world: World, node: SimNode, source: SimNode): boolean {
  return world.open(source.name, node.name) && world.open(node.name, source.name);
}

/** Whether the stream can be opened or goes on; sets the replica's state as the real IO thread would. */
function connect(world: World, node: SimNode, source: SimNode): boolean {
  const { server } = node;
  const from = source.server;
  if (!from.running || from.denied.includes(node.name)) {
    server.connected = false;
    return false;
  }
  if (from.frozen || !reachable(world, node, source)) return false;
  if (!server.connected) {
    const last = server.lastReceived();
    const same = server.received === 0 ? undefined : from.log[server.received - 1];
    if (last !== undefined && (same === undefined || same.server !== last.server)) {
      server.error = '1236: the source does not have this position';
      server.io = false;
      return false;
    }
    server.connected = true;
  }
  return true;
}

/** Moves what the source has to the replica's relay log, and acknowledges. */
function pump(world: World, node: SimNode): void {
  const { server } = node;
  if (!server.running || server.frozen || !server.io || server.source === null) return;
  const source = world.byName.get(server.source);
  if (source === undefined) return;
  if (world.lost() || !connect(world, node, source)) {
    pumpSoon(world, node, reconnectMs);
    return;
  }
  const from = source.server;
  let moved = false;
  for (let index = server.received; index < from.log.length; index++) {
    const transaction = from.log[index] as Transaction;
    server.relay.push(transaction.server === server.serverId ? { ...transaction, hole: true } : transaction);
    moved = true;
  }
  if (!moved) return;
  server.truncated = false;
  if (server.semiSyncEffective && !server.diskFull) {
    const upTo = server.received;
    const { instance } = from;
    const { connection } = server;
    world.queue.after(world.random.between(1, 2 * world.delayMs), () => {
      // The source forgets a replica's old socket when it connects anew; a frozen one finds it when it wakes.
      if (server.connection !== connection && !from.frozen) return;
      if (world.open(node.name, source.name)) acknowledged(world, source, instance, upTo);
    });
  }
  applySoon(world, node);
}

export function applySoon(world: World, node: SimNode): void {
  const { server } = node;
  if (server.applyScheduled || !server.sql) return;
  server.applyScheduled = true;
  world.queue.after(server.applyDelayMs, () => {
    server.applyScheduled = false;
    if (!server.running || server.frozen || !server.sql) return;
    apply(server);
  });
}

export function apply(server: MariadbModel): void {
  for (const transaction of server.relay) server.log.push(transaction);
  server.relay = [];
}

/** The members whose connections a server sees. */
export function replicasOf(world: World, node: SimNode): string[] {
  const names: string[] = [];
  for (const other of world.nodes) {
    const { server } = other;
    if (other !== node && server.source === node.name && server.io && server.connected && server.running) {
      if (reachable(world, other, node) && !server.frozen) names.push(other.name);
    }
  }
  return names;
}

/** Keeps broken connections being retried. */
export function retryConnections(world: World): void {
  for (const node of world.nodes) {
    const { server } = node;
    if (!server.running || server.frozen) continue;
    if (server.relay.length > 0) applySoon(world, node);
    if (!server.io) continue;
    const source = server.source === null ? undefined : world.byName.get(server.source);
    if (source === undefined) continue;
    if (server.connected && (!source.server.running || !reachable(world, node, source)))
      server.connected = false;
    if (!server.connected || server.received < source.server.log.length) pumpSoon(world, node);
  }
  world.queue.after(300, () => retryConnections(world));
}
