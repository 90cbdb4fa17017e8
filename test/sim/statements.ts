/** What each SQL effect does to the MariaDB model. */
import type { Position } from '#src/gtid/position.ts';
import type { Effect } from '#src/ha/effects.ts';
import type { Done } from '#src/ha/state.ts';
import { killServer } from './carry-out.ts';
import type { MariadbModel } from './mariadb-model.ts';
import { apply, applySoon, releaseAll, replicasOf, startIo, write } from './replication.ts';
import type { SimNode, World } from './world.ts';

type Result = Pick<Done, 'outcome'> & Partial<Pick<Done, 'database'>>;
type Answer = (result: Result) => void;

const ok: Result = { outcome: 'ok' };
const refused: Result = { outcome: 'refused' };
const cloneMs = 600;

export function runStatement(
  world: World,
  node: SimNode,
  effect: Effect,
  answer: Answer,
  limitMs: number,
): void {
  const { server } = node;
  if (effect.kind === 'probeDatabase') {
    answer({ outcome: 'ok', database: server.observe(replicasOf(world, node)) });
    return;
  }
  world.trace(`${node.name}: server: ${effect.kind}`);
  switch (effect.kind) {
    case 'openServer':
      if (server.readOnly) {
        server.readOnly = false;
        world.ledger.opened(server);
      }
      answer(ok);
      return;
    case 'closeServer':
      // It hangs behind commits that wait, and is given up with them still waiting.
      if (server.waiting.length > 0) world.queue.after(limitMs, () => answer({ outcome: 'unknown' }));
      else {
        server.readOnly = true;
        answer(ok);
      }
      return;
    case 'writeMarker':
    case 'writeBarrier': {
      const marker = effect.kind === 'writeMarker' ? effect.epoch : 0;
      const written = write(world, node, { marker, client: false });
      if (!written) answer(refused);
      else if (!server.semiSyncSource) answer(ok);
      else world.queue.after(limitMs, () => answer({ outcome: 'unknown' }));
      return;
    }
    case 'stopIoThread': {
      // It connects to its source, to end the stream there, and waits when that is frozen.
      const source = world.byName.get(server.source ?? '');
      const { instance } = server;
      const stop = (): void => {
        if (server.instance !== instance) {
          answer(refused);
          return;
        }
        simpleStatement(world, node, effect);
        answer(ok);
      };
      if (source?.server.frozen === true) world.queue.after(1_000, stop);
      else stop();
      return;
    }
    case 'clone':
      startClone(world, node, effect.donor, answer);
      return;
    default:
      answer(simpleStatement(world, node, effect) ? ok : refused);
  }
}

/** mariadb-binlog on the files: they can be read with the server up or down. */
export function saveErrant(node: SimNode, start: Position): void {
  const { log, relay } = node.server;
  node.saved.push(...log.slice(start[0]?.sequence ?? 0), ...relay);
}

/** Statements that are done at once; whether they were. */
function simpleStatement(world: World, node: SimNode, effect: Effect): boolean {
  const { server } = node;
  switch (effect.kind) {
    case 'setServerId':
      server.serverId = effect.serverId;
      return true;
    case 'sourceOn':
      server.semiSyncSource = true;
      return true;
    case 'sourceOff':
      server.semiSyncSource = false;
      releaseAll(world, server);
      return true;
    case 'denyReplica':
      if (!server.denied.includes(effect.member)) server.denied = [...server.denied, effect.member];
      return true;
    case 'allowReplica':
      server.denied = server.denied.filter((member) => member !== effect.member);
      return true;
    case 'saveErrant':
      saveErrant(node, effect.start);
      return true;
    default:
      return replicationStatement(world, node, server, effect);
  }
}

function replicationStatement(world: World, node: SimNode, server: MariadbModel, effect: Effect): boolean {
  switch (effect.kind) {
    case 'startSqlThread':
      if (server.source === null || server.error !== null) return false;
      // With both threads stopped, GTID mode begins with an empty relay log.
      if (!server.io && !server.sql) server.relay = [];
      server.sql = true;
      applySoon(world, node);
      return true;
    case 'stopIoThread':
      server.io = false;
      server.connected = false;
      return true;
    case 'replayRelay':
      if (server.io || server.sql || server.error?.startsWith('1062') === true) return false;
      apply(server);
      return true;
    case 'forgetSource':
      server.io = false;
      server.sql = false;
      server.source = null;
      server.error = null;
      server.connected = false;
      server.relay = [];
      return true;
    case 'changeSource':
      server.source = effect.source;
      server.relay = [];
      server.error = null;
      server.sql = true;
      prepareReceiver(server, effect.acknowledge);
      startIo(world, node);
      return true;
    case 'flushEvents':
      server.flushesEvents = true;
      return true;
    case 'reconnect':
      if (server.source !== effect.source || !server.sql || !server.io) return false;
      if (server.connected || !world.open(node.name, effect.source)) return true;
      prepareReceiver(server, effect.acknowledge);
      startIo(world, node);
      return true;
    case 'setAcknowledging':
      prepareReceiver(server, effect.on);
      if (!server.sql || !server.io) return false;
      startIo(world, node);
      return true;
    default:
      throw new Error(`not a statement: ${effect.kind}`);
  }
}

function prepareReceiver(server: MariadbModel, acknowledge: boolean): void {
  server.semiSyncReplica = acknowledge;
  if (!acknowledge) server.flushesEvents = false;
}

/** The copy is taken at the end of the stream and swapped in when complete. */
function startClone(world: World, node: SimNode, donorName: string, answer: Answer): void {
  const { server } = node;
  const { instance } = server;
  world.queue.after(cloneMs, () => {
    const donor = world.byName.get(donorName);
    const usable =
      donor?.server.running === true &&
      !donor.server.frozen &&
      world.open(donorName, node.name) &&
      node.hostUp;
    if (!usable || donor === undefined || server.instance !== instance || server.frozen) {
      answer(refused);
      return;
    }
    const copy = donor.server.log.slice();
    for (const transaction of server.log) {
      if (copy[transaction.index] === transaction || transaction.hole || node.saved.includes(transaction))
        continue;
      world.ledger.fail(
        'nothing is thrown away in silence',
        `${node.name} cloned over transaction ${transaction.id}, which was not saved`,
      );
    }
    killServer(world, node, 'its data is replaced by a clone');
    server.log = copy;
    server.relay = [];
    server.source = null;
    server.error = null;
    server.truncated = false;
    server.denied = donor.server.denied.slice();
    server.start('MASTER');
    answer(ok);
  });
}
