/** What can go wrong, by name, so that coverage can be counted. Every fault ends by itself or at the healing. */
import { killServer } from './carry-out.ts';
import type { SimNode, World } from './world.ts';

export interface Fault {
  readonly name: string;
  readonly strike: (world: World, node: SimNode) => void;
  /** Without convergence to be expected afterwards: a person has to look. */
  readonly needsPerson?: boolean;
  /** Not in mode `async`, whose property 2 needs a live agent beside a live server (docs/adr/0300). */
  readonly notAsync?: boolean;
}

function until(world: World, low: number, high: number, undo: () => void): void {
  world.queue.after(world.random.between(low, high), undo);
}

function powerOff(world: World, node: SimNode, forMs: number): void {
  if (!node.hostUp) return;
  switchOff(world, node);
  world.queue.after(forMs, () => powerOn(world, node));
}

/** Everything on a host ends at once, and stays so. */
export function switchOff(world: World, node: SimNode): void {
  world.trace(`${node.name}: host loses power`);
  node.hostUp = false;
  node.agentUp = false;
  node.agentFrozen = false;
  node.inbox = [];
  if (node.server.running) killServer(world, node, 'host off');
}

export function powerOn(world: World, node: SimNode): void {
  if (node.hostUp) return;
  node.hostUp = true;
  world.startAgent(node);
}

function freezeServer(world: World, node: SimNode, forMs: number): void {
  const { server } = node;
  if (!server.running || server.frozen) return;
  world.trace(`${node.name}: server freezes for ${forMs} ms`);
  server.frozen = true;
  const { instance } = server;
  world.queue.after(forMs, () => {
    if (server.instance === instance) wakeServer(world, node);
  });
}

export function wakeServer(world: World, node: SimNode): void {
  const { server } = node;
  if (!server.frozen) return;
  world.trace(`${node.name}: server wakes`);
  server.frozen = false;
  const { statements } = node;
  node.statements = [];
  for (const run of statements) run();
}

function cutOff(world: World, node: SimNode, inward: boolean, outward: boolean, etcdToo: boolean): void {
  world.trace(
    `${node.name}: cut off${inward ? ' inward' : ''}${outward ? ' outward' : ''}${etcdToo ? ', also from etcd' : ''}`,
  );
  for (const other of world.nodes) {
    if (other === node) continue;
    if (outward) world.cut.add(`${node.name}>${other.name}`);
    if (inward) world.cut.add(`${other.name}>${node.name}`);
  }
  if (etcdToo && outward) node.toEtcd = false;
  if (etcdToo && inward) node.fromEtcd = false;
}

export function rejoinNetwork(world: World, node: SimNode): void {
  for (const other of world.nodes) {
    world.cut.delete(`${node.name}>${other.name}`);
    world.cut.delete(`${other.name}>${node.name}`);
  }
  node.toEtcd = true;
  node.fromEtcd = true;
}

function primary(world: World): SimNode | null {
  const holder = world.etcd.store.sync?.leader;
  return holder === undefined ? null : (world.byName.get(holder) ?? null);
}

/** Rules after which something happens that can't be taken back. */
const decisiveRules = [
  23, 27, 28, 33, 35, 36, 37, 38, 41, 46, 47, 50, 51, 53, 55, 56, 60, 70, 72, 74, 76, 77,
];

export const faults: readonly Fault[] = [
  { name: 'kill server', strike: (w, n) => n.server.running && killServer(w, n, 'kill -9') },
  {
    name: 'kill server twice',
    strike: (w, n) => {
      if (n.server.running) killServer(w, n, 'kill -9');
      until(w, 100, 900, () => n.server.running && killServer(w, n, 'kill -9 again'));
    },
  },
  { name: 'power off', strike: (w, n) => powerOff(w, n, w.random.between(300, 6000)) },
  {
    name: 'power off all',
    strike: (w) => {
      for (const node of w.nodes) powerOff(w, node, w.random.between(300, 3000));
    },
  },
  {
    name: 'freeze server',
    notAsync: true,
    strike: (w, n) => freezeServer(w, n, w.random.between(200, 7000)),
  },
  { name: 'freeze agent', notAsync: true, strike: (w, n) => w.freezeAgent(n, w.random.between(200, 7000)) },
  {
    name: 'freeze agent between effects',
    notAsync: true,
    strike: (w, n) => {
      n.freezeAfter = w.random.between(0, 25);
    },
  },
  { name: 'crash agent', notAsync: true, strike: (w, n) => w.crashAgent(n, w.random.between(50, 4000)) },
  {
    name: 'crash agent between effects',
    notAsync: true,
    strike: (w, n) => {
      n.crashAfter = w.random.between(0, 25);
    },
  },
  {
    name: 'cut host off',
    strike: (w, n) => {
      cutOff(w, n, true, true, true);
      until(w, 200, 7000, () => rejoinNetwork(w, n));
    },
  },
  {
    name: 'cut one way',
    strike: (w, n) => {
      const inward = w.random.chance(0.5);
      cutOff(w, n, inward, !inward, true);
      until(w, 200, 7000, () => rejoinNetwork(w, n));
    },
  },
  {
    name: 'cut from etcd alone',
    strike: (w, n) => {
      if (w.random.chance(0.5)) n.toEtcd = false;
      else n.fromEtcd = false;
      until(w, 200, 7000, () => rejoinNetwork(w, n));
    },
  },
  {
    name: 'cut between members alone',
    strike: (w, n) => {
      cutOff(w, n, true, true, false);
      until(w, 200, 7000, () => rejoinNetwork(w, n));
    },
  },
  {
    name: 'flapping link',
    strike: (w, n) => {
      for (let at = 0; at < 5; at++) {
        w.queue.after(at * 800, () => cutOff(w, n, true, true, true));
        w.queue.after(at * 800 + 400, () => rejoinNetwork(w, n));
      }
    },
  },
  {
    name: 'message loss',
    strike: (w) => {
      w.lossRate = w.random.pick([0.02, 0.1, 0.3]);
      until(w, 500, 5000, () => {
        w.lossRate = 0;
      });
    },
  },
  {
    name: 'slow etcd',
    strike: (w) => {
      w.etcdDelayMs = w.random.pick([50, 150, 400, 1200]);
      until(w, 500, 5000, () => {
        w.etcdDelayMs = 4;
      });
    },
  },
  {
    name: 'slow network',
    strike: (w) => {
      w.delayMs = w.random.pick([40, 150, 400]);
      until(w, 500, 5000, () => {
        w.delayMs = 5;
      });
    },
  },
  {
    name: 'etcd down',
    strike: (w) => {
      w.trace('etcd: down');
      w.etcd.goDown();
      until(w, 500, 6000, () => {
        w.trace('etcd: up');
        w.etcd.comeUp(w.queue.now);
      });
    },
  },
  {
    name: 'etcd restored',
    needsPerson: true,
    strike: (w) => {
      w.etcd.takeBackup();
      until(w, 1000, 5000, () => {
        // A member that knows better and is away then can't say so (docs/adr/0301): a restore needs all agents.
        if (!w.nodes.every((n) => n.agentUp && !n.agentFrozen && n.toEtcd && n.fromEtcd)) return;
        w.trace('etcd: restored from an old backup');
        w.etcd.restore();
        w.ledger.storeTrusted = false;
      });
    },
  },
  {
    name: 'etcd wiped',
    needsPerson: true,
    strike: (w) => {
      w.trace('etcd: wiped');
      w.etcd.wipe();
    },
  },
  {
    name: 'disk full',
    strike: (w, n) => {
      w.trace(`${n.name}: disk full`);
      n.server.diskFull = true;
      until(w, 500, 6000, () => {
        n.server.diskFull = false;
      });
    },
  },
  {
    name: 'lag',
    strike: (w, n) => {
      n.server.applyDelayMs = w.random.pick([100, 600, 2500]);
      until(w, 500, 5000, () => {
        n.server.applyDelayMs = 2;
      });
    },
  },
  {
    name: 'SQL thread stops',
    strike: (w, n) => {
      if (n.server.source === null) return;
      n.server.sql = false;
      const error = w.random.chance(0.5);
      if (error) n.server.error = '1062: duplicate entry';
      until(w, 200, 4000, () => {
        if (n.server.error?.startsWith('1062') === true) n.server.error = null;
      });
    },
  },
  {
    name: 'changes of etcd arrive late',
    strike: (w, n) => {
      n.lateWrites = w.random.between(1, 3);
    },
  },
  {
    name: 'struck at a decision',
    strike: (w) => {
      const rule = w.random.pick(decisiveRules);
      const blow = w.random.pick(['kill', 'power', 'freeze', 'cut']);
      w.ambushes.push({
        rule,
        strike: (n) => {
          w.trace(`struck at rule ${rule}: ${blow} (${n.name})`);
          if (blow === 'kill' && n.server.running) killServer(w, n, 'kill -9');
          else if (blow === 'power') powerOff(w, n, w.random.between(1000, 6000));
          else if (blow === 'freeze') freezeServer(w, n, w.random.between(1000, 6000));
          else if (blow === 'cut') {
            cutOff(w, n, true, true, true);
            until(w, 1000, 6000, () => rejoinNetwork(w, n));
          }
        },
      });
    },
    notAsync: true,
  },
  {
    name: 'switchover',
    strike: (w, n) => {
      const { sync } = w.etcd.store;
      if (!w.etcd.up || sync === null) return;
      w.trace(`a person asks for a switchover to ${n.name}`);
      w.etcd.ask({ id: `s${w.queue.now}`, to: n.name, epoch: sync.epoch });
      w.notify();
    },
  },
  {
    name: 'maintenance',
    strike: (w) => {
      if (!w.etcd.up || w.etcd.store.stackId === null) return;
      w.etcd.setMaintenance(true);
      until(w, 500, 4000, () => w.etcd.up && w.etcd.setMaintenance(false));
    },
  },
];

/** Half of the faults go where they hurt. */
export function target(world: World): SimNode {
  const first = primary(world);
  return first !== null && world.random.chance(0.5) ? first : world.random.pick(world.nodes);
}
