/**
 * A schedule in which a member leaves the stack, and others may come at the same time: agents learn of it one after the
 * other while faults strike; once nothing rests on it any more it is taken away for good, and the others must have
 * everything that was ever acknowledged.
 */
import type { Config, SyncMode } from '#src/ha/state.ts';
import { faults, rejoinNetwork, switchOff, target } from './faults.ts';
import type { Violation } from './ledger.ts';
import { seeded } from './random.ts';
import { buildWorld, clients, converged, heal, identical, type ScheduleOptions } from './schedule.ts';
import type { SimNode, World } from './world.ts';

const faultPhaseMs = 7_000;
const handoverLimitMs = 60_000;
const aftermathMs = 4_000;
const settleLimitMs = 60_000;

export interface LeavingResult {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly acknowledged: number;
  readonly rules: readonly number[];
  readonly traces: World['traces'];
  /** Whether the member that left was the primary, or the standby, when it was told to. */
  readonly was: 'primary' | 'standby' | 'replica';
}

function reconfigure(world: World, node: SimNode, change: Partial<Config>): void {
  node.config = { ...node.config, ...change };
  // As `up` does it: a configuration comes with a restart of the agent.
  world.crashAgent(node, world.random.between(20, 600));
}

/** Nothing of the database rests on the member: what `up` waits for before it ends anything there. */
function isFree(world: World, name: string, others: number, mode: SyncMode): boolean {
  const { sync } = world.etcd.store;
  if (sync === null) return false;
  const used = [sync.leader, ...sync.members, ...sync.mayAcknowledge, sync.joining];
  return !used.includes(name) && (mode === 'async' || others < 2 || sync.members.length > 1);
}

export function runLeaving(seed: number, options: ScheduleOptions = {}): LeavingResult {
  const random = seeded(seed);
  const count = options.members ?? random.pick([2, 3, 3, 3, 4, 5]);
  const mode =
    options.mode ?? (count === 2 ? 'required' : random.pick<SyncMode>(['required', 'required', 'strict']));
  const world = buildWorld(random, count, mode, options);
  const { queue, ledger } = world;
  const gone = random.pick(world.nodes);
  const was = gone.name === 'a' ? 'primary' : gone.name === 'b' ? 'standby' : 'replica';
  let at = random.between(300, 2_000);
  for (const node of world.nodes.toSorted(() => random.between(0, 2) - 1)) {
    queue.after(at, () => reconfigure(world, node, { leaving: [gone.name] }));
    at += random.between(0, 800);
  }
  const usable = faults.filter((fault) => fault.needsPerson !== true);
  for (let index = random.between(0, 3); index > 0; index--) {
    const fault = random.pick(usable);
    queue.after(random.between(300, faultPhaseMs - 1_500), () => {
      const node = target(world);
      world.trace(`fault: ${fault.name} (${node.name})`);
      fault.strike(world, node);
    });
  }
  queue.after(100, () => clients(world, random.pick([50, 100, 250])));
  const run = (until: number): void => {
    while (ledger.violation === null && queue.step(until));
  };
  run(faultPhaseMs);
  heal(world);
  let until = faultPhaseMs;
  while (ledger.violation === null && !isFree(world, gone.name, count - 1, mode)) {
    if (until > faultPhaseMs + handoverLimitMs) {
      ledger.fail('a member that leaves becomes free', JSON.stringify(world.etcd.store.sync));
      break;
    }
    askForSwitchover(world, gone);
    until += 500;
    run(until);
  }
  if (ledger.violation === null) takeAway(world, gone, mode, until, run);
  const { traces, ruleCounts: rules } = world;
  return { seed, violation: ledger.violation, acknowledged: ledger.acknowledged.length, rules, traces, was };
}

/** As `up` does: it goes to a member that stays and follows, the standby if it is one. */
function askForSwitchover(world: World, gone: SimNode): void {
  const { sync, leader, request, members } = world.etcd.store;
  if (sync?.leader !== gone.name || leader?.holder !== gone.name || request !== null || !world.etcd.up)
    return;
  const fit = Object.values(members).filter(
    ({ member, following, problem }) => member !== gone.name && following === gone.name && problem === null,
  );
  const to = fit.find(({ member }) => sync.members.includes(member)) ?? fit[0];
  if (to === undefined) return;
  world.etcd.ask({ id: `s${world.queue.now}`, to: to.member, epoch: sync.epoch });
  world.notify();
}

/** The others forget it, and it ends; one of them may die just then, and comes back. */
function takeAway(
  world: World,
  gone: SimNode,
  mode: SyncMode,
  from: number,
  run: (until: number) => void,
): void {
  const { random, queue, ledger } = world;
  world.trace(`${gone.name} is free, and goes`);
  const staying = world.nodes.filter((node) => node !== gone);
  const members = staying.map(({ name }) => name);
  let at = 0;
  for (const node of staying) {
    queue.after(at, () => reconfigure(world, node, { members, leaving: [] }));
    at += random.between(0, 500);
  }
  const switchOffGone = (): void => {
    switchOff(world, gone);
    world.nodes.splice(world.nodes.indexOf(gone), 1);
  };
  queue.after(at + random.between(0, 500), switchOffGone);
  const strikes = staying.length > 1 && random.chance(0.5);
  if (strikes) {
    const victim = random.pick(staying);
    queue.after(random.between(0, at + 800), () => {
      switchOff(world, victim);
      queue.after(random.between(500, 2_500), () => {
        victim.hostUp = true;
        rejoinNetwork(world, victim);
        world.startAgent(victim);
      });
    });
  }
  let until = from + aftermathMs;
  run(until);
  let why: string | null = 'it did not begin';
  const wanted = staying.length > 1 ? mode : 'async';
  for (; until < from + settleLimitMs && ledger.violation === null && why !== null; until += 500) {
    run(until);
    why = converged(world, wanted);
  }
  if (ledger.violation !== null) return;
  if (why !== null) ledger.fail('converges without the member that left', why);
  const difference = identical(world);
  if (difference !== null) ledger.fail('members hold the same rows', difference);
  const primary = world.nodes.find((node) => !node.server.readOnly);
  if (primary !== undefined && !ledger.mayLose) ledger.contains(primary.server, 'ended');
}
