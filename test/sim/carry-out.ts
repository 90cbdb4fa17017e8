/** Carries out effects against the models, as an agent does against the real things: late, lost, or not at all. */
import { type Command, channelOf } from '#src/ha/effects.ts';
import type { Done } from '#src/ha/state.ts';
import { runStatement, saveErrant } from './statements.ts';
import type { SimNode, World } from './world.ts';

const etcdLimitMs = 500;
const databaseLimitMs = 500;

type Result = Pick<Done, 'outcome'> & Partial<Pick<Done, 'lease' | 'cluster' | 'database' | 'revision'>>;

export function carryOut(world: World, node: SimNode, asked: Command): void {
  const changed =
    world.mutation?.effect === undefined ? asked.effect : world.mutation.effect(asked.effect, node);
  const sentAt = world.localTime(node);
  const { life } = node;
  if (changed === null) {
    world.queue.after(1, () => world.answer(node, life, asked, sentAt, { outcome: 'ok' }));
    return;
  }
  const command: Command = { id: asked.id, effect: changed };
  const channel = channelOf[changed.kind];
  switch (channel) {
    case 'lease':
    case 'cluster':
    case 'report':
    case 'etcd':
      toEtcd(world, node, command, sentAt);
      return;
    case 'process':
      toProcess(world, node, command, sentAt);
      return;
    case 'probe':
    case 'database':
    case 'barrier':
      toServer(world, node, command, sentAt);
      return;
    default:
      channel satisfies never;
  }
}

function toEtcd(world: World, node: SimNode, command: Command, sentAt: number): void {
  const { life } = node;
  const sent = world.queue.now;
  const timeOut = (): void =>
    world.queue.after(Math.max(0, sent + etcdLimitMs - world.queue.now), () =>
      world.answer(node, life, command, sentAt, { outcome: 'unknown' }),
    );
  const arrive = (): void => {
    if (!world.etcd.up) {
      timeOut();
      return;
    }
    const result = atEtcd(world, node, command);
    const delay = world.random.between(1, 2 * world.etcdDelayMs);
    if (!node.fromEtcd || world.lost() || world.queue.now + delay - sent > etcdLimitMs) timeOut();
    else world.queue.after(delay, () => world.answer(node, life, command, sentAt, result));
  };
  const late = node.lateWrites > 0 && changesEtcd.has(command.effect.kind);
  if (late) node.lateWrites--;
  if (!node.toEtcd || late || world.lost()) {
    timeOut();
    // Some requests stay in a socket's buffer and arrive when the path is open again.
    if (changesEtcd.has(command.effect.kind)) retransmit(world, node, command, 10);
    return;
  }
  world.queue.after(world.random.between(1, 2 * world.etcdDelayMs), arrive);
}

const changesEtcd: ReadonlySet<string> = new Set(['takeLeader', 'releaseLeader', 'writeSync']);

function retransmit(world: World, node: SimNode, command: Command, tries: number): void {
  world.queue.after(world.random.between(100, 2_500), () => {
    if (node.toEtcd && world.etcd.up && node.hostUp) atEtcd(world, node, command);
    else if (tries > 0) retransmit(world, node, command, tries - 1);
  });
}

function atEtcd(world: World, node: SimNode, { effect }: Command): Result {
  const { etcd, queue } = world;
  switch (effect.kind) {
    case 'grantLease':
      return { outcome: 'ok', lease: etcd.grant(queue.now, effect.ttlMs) };
    case 'keepAlive':
      return { outcome: etcd.keepAlive(queue.now, effect.lease) ? 'ok' : 'refused' };
    case 'readCluster':
      return { outcome: 'ok', cluster: etcd.read() };
    case 'putReport':
      return { outcome: etcd.report(effect.report, effect.lease) ? 'ok' : 'refused' };
    case 'takeLeader':
    case 'releaseLeader':
    case 'writeSync':
    case 'clearRequest': {
      const unconditional = world.mutation?.unconditional === true;
      const revision = etcd.transact(unconditional ? etcd.withoutCompares(effect) : effect, node.name);
      if (revision === null) return { outcome: 'refused' };
      const standby = effect.kind === 'writeSync' ? effect.sync.members[1] : undefined;
      const named = standby === undefined ? undefined : world.byName.get(standby);
      if (named !== undefined) world.ledger.named(named.server);
      world.trace(`etcd: ${node.name} ${effect.kind} at revision ${revision}`);
      world.mix(revision);
      world.notify();
      return { outcome: 'ok', revision };
    }
    default:
      throw new Error(`not for etcd: ${effect.kind}`);
  }
}

function toProcess(world: World, node: SimNode, command: Command, sentAt: number): void {
  const { life, server } = node;
  const { effect } = command;
  world.queue.after(world.random.between(5, 60), () => {
    if (!node.hostUp) return;
    if (effect.kind === 'killServer') {
      if (server.running) killServer(world, node, 'killed by its agent');
    } else if (effect.kind === 'startServer' && !server.running) {
      if (!server.start(effect.recovery)) {
        world.answer(node, life, command, sentAt, { outcome: 'refused' });
        return;
      }
      world.trace(`${node.name}: server starts`);
    }
    world.answer(node, life, command, sentAt, { outcome: 'ok' });
  });
}

/** Ends the server process; its agent sees it at once when it is awake. */
export function killServer(world: World, node: SimNode, why: string): void {
  world.trace(`${node.name}: server dies: ${why}`);
  node.server.die();
  node.statements = [];
  for (const other of world.nodes) if (other.server.source === node.name) other.server.connected = false;
  const { life } = node;
  world.queue.after(2, () =>
    world.inAgent(node, life, () => world.handle(node, { type: 'serverExited', now: world.localTime(node) })),
  );
}

function toServer(world: World, node: SimNode, command: Command, sentAt: number): void {
  const { life, server } = node;
  const probing = command.effect.kind === 'probeDatabase';
  let answered = false;
  const answer = (result: Result): void => {
    if (answered) return;
    answered = true;
    world.answer(node, life, command, sentAt, result);
  };
  const arrive = (): void => {
    if (!server.running) {
      if (command.effect.kind === 'saveErrant') {
        saveErrant(node, command.effect.start);
        answer({ outcome: 'ok' });
        return;
      }
      answer(probing ? { outcome: 'ok', database: { state: 'down' } } : { outcome: 'refused' });
      return;
    }
    if (server.frozen) {
      node.statements.push(arrive);
      world.queue.after(databaseLimitMs, () =>
        answer(probing ? { outcome: 'ok', database: { state: 'silent' } } : { outcome: 'unknown' }),
      );
      return;
    }
    const later = (result: Result): void =>
      world.queue.after(world.random.between(1, 4), () => answer(result));
    runStatement(world, node, command.effect, later, databaseLimitMs);
  };
  world.queue.after(world.random.between(1, 4), arrive);
}
