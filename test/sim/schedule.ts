/** One schedule: a stack in order, some faults, healing, and the expectation that it is in order again. */

import { type Sync, serverIdOfEpoch } from '#src/ha/keys.ts';
import { rules as allRules } from '#src/ha/rules.ts';
import type { Config, SyncMode } from '#src/ha/state.ts';
import { EtcdModel } from './etcd-model.ts';
import { type Fault, faults, powerOn, rejoinNetwork, target, wakeServer } from './faults.ts';
import { Ledger, type Violation } from './ledger.ts';
import { MariadbModel } from './mariadb-model.ts';
import { Queue } from './queue.ts';
import { type Random, seeded } from './random.ts';
import { retryConnections, startIo, write } from './replication.ts';
import { type Mutation, SimNode, type Trace, World } from './world.ts';

const names = ['a', 'b', 'c', 'd', 'e'];
const faultPhaseMs = 7_000;
const healingLimitMs = 60_000;
const leaseTtlMs = 2_000;
const firstEpoch = 10;

export interface ScheduleOptions {
  readonly mutation?: Mutation | null;
  readonly trace?: boolean;
  /** Instead of what the seed chooses. */
  readonly members?: number;
  readonly mode?: SyncMode;
  /** Only these faults. */
  readonly only?: readonly string[];
}

export interface ScheduleResult {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly hash: number;
  readonly faults: readonly string[];
  readonly rules: readonly number[];
  readonly events: number;
  readonly acknowledged: number;
  readonly description: string;
  readonly traces: readonly Trace[];
}

function configOf(self: string, members: readonly string[], mode: SyncMode, random: Random): Config {
  return {
    stackId: 'stack',
    self,
    members,
    leaving: [],
    mode,
    serverId: members.indexOf(self) + 1,
    leaseTtlMs,
    leaseMarginMs: 200,
    degradeAfterMs: 1_000,
    restartEstimateMs: random.chance(0.5) ? 10_000 : 100,
    failoverEstimateMs: 1_000,
    stableAfterMs: 6_000,
    freeFailovers: 2,
    flapHoldMs: 2_000,
    switchoverLimitMs: 3_000,
  };
}

export function buildWorld(random: Random, count: number, mode: SyncMode, options: ScheduleOptions): World {
  const members = names.slice(0, count);
  const queue = new Queue();
  const sync: Sync = {
    leader: 'a',
    epoch: firstEpoch,
    members: mode === 'async' ? ['a'] : ['a', 'b'],
    joining: null,
    mayAcknowledge: mode === 'async' ? [] : ['b'],
    modRevision: 12,
  };
  const etcd = new EtcdModel({
    stackId: 'stack',
    revision: 20,
    leader: null,
    sync,
    members: {},
    memberLease: {},
    history: [{ epoch: firstEpoch, holder: 'a', start: [] }],
    request: null,
    maintenance: false,
  });
  const lease = etcd.grant(0, leaseTtlMs);
  etcd.store.leader = { holder: 'a', createRevision: firstEpoch, lease };
  const nodes = members.map(
    (name) =>
      new SimNode(configOf(name, members, mode, random), new MariadbModel(name, members.indexOf(name) + 1)),
  );
  const mutation = options.mutation ?? null;
  const rules = mutation?.rules === undefined ? undefined : mutation.rules(allRules);
  const world = new World({
    queue,
    random,
    etcd,
    ledger: new Ledger(mode === 'async'),
    nodes,
    rules,
    mutation,
  });
  if (options.trace === true) world.traces = [];
  world.streamDelayMs = random.pick([5, 5, 5, 40, 300]);
  establish(world, mode);
  return world;
}

/** A stack in order: a writable, b acknowledging, the others following. */
function establish(world: World, mode: SyncMode): void {
  const [first, ...others] = world.nodes;
  if (first === undefined) return;
  first.server.serverId = serverIdOfEpoch(firstEpoch);
  first.server.readOnly = false;
  write(world, first, { marker: firstEpoch, client: false });
  first.server.semiSyncSource = mode !== 'async';
  world.ledger.opened(first.server);
  for (const node of others) {
    node.server.log = first.server.log.slice();
    node.server.source = first.name;
    node.server.sql = true;
    node.server.semiSyncReplica = mode !== 'async' && node.name === 'b';
    startIo(world, node);
    node.server.connected = true;
  }
  for (const node of world.nodes) {
    node.server.applyDelayMs = world.random.pick([2, 2, 20, 150]);
    node.server.cannotTruncate = world.random.chance(0.3);
    node.clockOffset = world.random.between(1, 100_000);
    node.clockRate = world.random.chance(0.7) ? 1 : world.random.pick([0.98, 0.995, 1.005, 1.02]);
    const { life } = node;
    world.queue.after(world.random.between(0, 50), () => world.tick(node, life));
  }
  world.queue.after(50, () => world.expireLeases());
  world.queue.after(300, () => retryConnections(world));
}

/** Clients write wherever they are let; also to an old primary that they still reach. */
export function clients(world: World, everyMs: number): void {
  for (const node of world.nodes) {
    if (!node.server.readOnly && node.server.waiting.length < 4)
      write(world, node, { marker: 0, client: true });
  }
  world.queue.after(everyMs, () => clients(world, everyMs));
}

export function heal(world: World): void {
  world.trace('everything heals');
  world.lossRate = 0;
  world.etcdDelayMs = 4;
  world.delayMs = 5;
  world.cut.clear();
  world.ambushes = [];
  if (!world.etcd.up) world.etcd.comeUp(world.queue.now);
  world.etcd.setMaintenance(false);
  for (const node of world.nodes) {
    rejoinNetwork(world, node);
    node.lateWrites = 0;
    node.crashAfter = -1;
    node.freezeAfter = -1;
    node.server.diskFull = false;
    node.server.applyDelayMs = 2;
    if (node.server.error?.startsWith('1062') === true) node.server.error = null;
    powerOn(world, node);
    if (!node.agentUp) world.startAgent(node);
    world.thawAgent(node, node.life);
    wakeServer(world, node);
  }
}

/** One writable server that has everything; the others follow it, and one of them is the standby. */
export function converged(world: World, mode: SyncMode): string | null {
  const { sync, leader } = world.etcd.store;
  const writable = world.nodes.filter((node) => node.server.running && !node.server.readOnly);
  const first = writable[0];
  if (first === undefined) return 'no server is writable';
  if (writable.length > 1) return `${writable.map((n) => n.name).join(' and ')} are writable`;
  if (sync?.leader !== first.name || leader?.holder !== first.name)
    return 'etcd does not name the writable server';
  if (mode !== 'async' && sync.members.length < 2) return 'no standby is named';
  for (const { server, name } of world.nodes) {
    if (name === first.name) continue;
    if (!server.running || server.source !== first.name || !server.connected || !server.sql)
      return `${name} does not follow`;
    if (server.marker() !== sync.epoch) return `${name} has not reached epoch ${sync.epoch}`;
  }
  return null;
}

export function identical(world: World): string | null {
  const first = world.nodes.find((node) => !node.server.readOnly);
  if (first === undefined) return null;
  for (const { server, name } of world.nodes) {
    for (let index = 0; index < server.log.length; index++) {
      const there = first.server.log[index];
      if (there !== undefined && server.log[index] !== there)
        return `${name} differs from ${first.name} at number ${index + 1}`;
    }
  }
  return null;
}

function chooseFaults(world: World, mode: SyncMode, only: readonly string[] | undefined): Fault[] {
  const { random } = world;
  const usable = faults.filter(
    (fault) =>
      (only === undefined || only.includes(fault.name)) &&
      (mode !== 'async' || fault.notAsync !== true) &&
      (fault.needsPerson !== true || only !== undefined || random.chance(0.1)),
  );
  const count = random.pick([1, 2, 2, 3, 3, 4, 5]);
  return Array.from({ length: count }, () => random.pick(usable));
}

/** Runs one schedule. The same seed and options give the same result, to the hash. */
export function runSchedule(seed: number, options: ScheduleOptions = {}): ScheduleResult {
  const random = seeded(seed);
  const count = options.members ?? random.pick([2, 2, 3, 3, 3, 5]);
  const mode = options.mode ?? random.pick<SyncMode>(['required', 'required', 'required', 'strict', 'async']);
  const world = buildWorld(random, count, mode, options);
  const chosen = chooseFaults(world, mode, options.only);
  const etcdAlone = chosen.every((fault) => fault.name === 'etcd down');
  for (const fault of chosen) {
    world.queue.after(random.between(700, faultPhaseMs - 2_000), () => {
      const node = target(world);
      world.trace(`fault: ${fault.name} (${node.name})`);
      fault.strike(world, node);
    });
  }
  world.queue.after(100, () => clients(world, random.pick([50, 100, 250, 700])));
  let events = 0;
  const { queue, ledger } = world;
  while (ledger.violation === null && queue.step(faultPhaseMs)) events++;
  if (etcdAlone && (world.ledger.openings.length > 1 || world.nodes[0]?.server.readOnly !== false)) {
    ledger.fail('an etcd outage alone interrupts nothing', 'the primary changed or closed');
  }
  heal(world);
  const needsPerson = chosen.some((fault) => fault.needsPerson === true);
  const limit = needsPerson ? faultPhaseMs + 3_000 : faultPhaseMs + healingLimitMs;
  let why: string | null = 'it did not begin';
  for (let at = faultPhaseMs; at < limit && ledger.violation === null && why !== null; at += 500) {
    while (ledger.violation === null && queue.step(at)) events++;
    why = needsPerson ? why : converged(world, mode);
  }
  if (!needsPerson) judge(world, why);
  return {
    seed,
    violation: ledger.violation,
    hash: world.hash,
    faults: chosen.map((fault) => fault.name),
    rules: world.ruleCounts,
    events,
    acknowledged: ledger.acknowledged.length,
    description: `${count} members, ${mode}, ${chosen.map((fault) => fault.name).join(', ')}`,
    traces: world.traces ?? [],
  };
}

function judge(world: World, why: string | null): void {
  const { ledger } = world;
  if (why !== null) {
    ledger.fail('converges after healing', why);
    return;
  }
  const difference = identical(world);
  if (difference !== null) ledger.fail('members hold the same rows', difference);
  const primary = world.nodes.find((node) => !node.server.readOnly);
  if (primary !== undefined && !ledger.mayLose) ledger.contains(primary.server, 'ended');
}
