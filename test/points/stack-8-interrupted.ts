import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { Lab, referenceStack } from '#test/support/lab.ts';
import { labProcesses, signal } from '#test/support/processes.ts';
import { seededRandom } from '#test/support/random.ts';
import { leftOver, remains } from '#test/support/remains.ts';
import { addressInNetwork, siblingSubnet } from '#test/support/subnet.ts';
import { sleep } from '#test/support/wait.ts';
import type { Evidence, OwnPoint, Place } from './point.ts';
import { summary } from './point.ts';

interface Counts {
  readonly kills: number;
}

const downLimitMs = 5_000;

interface Interruption {
  readonly afterMs: number;
  readonly hostsMade: number;
  readonly upAgainMs: number;
  readonly downMs: number;
}

/** `./tandem up`, its whole process group killed after a time; what it had started lives on, as after a lost shell. */
async function killedUp(lab: Lab, afterMs: number): Promise<void> {
  const child = lab.spawn('up');
  child.stdout?.resume();
  child.stderr?.resume();
  const ended = new Promise((resolve) => child.once('close', resolve));
  await sleep(afterMs);
  if (child.exitCode === null && child.pid !== undefined) signal(-child.pid, 'SIGKILL');
  // Its pipes may be held open by what lives on.
  child.stdout?.destroy();
  child.stderr?.destroy();
  await Promise.race([ended, sleep(2_000)]);
}

async function checkServing(lab: Lab): Promise<void> {
  assert.equal((await lab.status()).healthy, true, 'the stack is not healthy');
  const body = { name: 'After all', email: `after-${Date.now()}@example.org` };
  const added = await lab.fetch('/api/users', { method: 'POST', body });
  assert.equal(added.status, 201, added.body);
}

async function timedDown(lab: Lab, ...words: string[]): Promise<number> {
  const startedMs = performance.now();
  await lab.expect('down', ...words);
  return Math.round(performance.now() - startedMs);
}

async function interrupt(place: Place, afterMs: number): Promise<Interruption> {
  const before = await remains();
  const lab = await Lab.describe(referenceStack(place.name, place.subnet));
  try {
    await killedUp(lab, afterMs);
    const hostsMade = (await remains()).namespaces.filter((name) => name.includes(`-${place.name}-`)).length;
    const startedMs = performance.now();
    await lab.expect('up');
    const upAgainMs = Math.round(performance.now() - startedMs);
    await checkServing(lab);
    const state = await lab.stateDirectory();
    const downMs = await timedDown(lab);
    assert.deepEqual(leftOver(before, await remains(), place.name), [], 'left by down');
    assert.ok(existsSync(state), 'down without --purge took the data');
    await lab.expect('down', '--purge', '--yes');
    assert.equal(existsSync(state), false, `${state} is there after --purge`);
    assert.deepEqual(leftOver(before, await remains(), place.name), [], 'left by down --purge');
    return { afterMs: Math.round(afterMs), hostsMade, upAgainMs, downMs };
  } finally {
    await lab.close();
  }
}

/** From a host of one lab nothing of the other is reachable, and the end of one changes nothing of the other. */
async function sideBySide(place: Place): Promise<Evidence> {
  const other = { name: `${place.name}-b`, subnet: siblingSubnet(place.subnet) };
  const first = await Lab.up(referenceStack(place.name, place.subnet));
  try {
    const second = await Lab.up(referenceStack(other.name, other.subnet));
    let reached: string[];
    try {
      reached = [...(await reachable(first, second)), ...(await reachable(second, first))];
      assert.deepEqual(reached, [], 'one lab reaches the other');
      await checkServing(first);
      await checkServing(second);
    } finally {
      await second.close();
    }
    await checkServing(first);
    return { reached, processesOfFirst: labProcesses(place.name, first.hosts).length };
  } finally {
    await first.close();
  }
}

async function reachable(from: Lab, to: Lab): Promise<readonly string[]> {
  const { site, hosts } = await to.status();
  const script = `
    const net = require('node:net');
    for (const target of process.argv.slice(1)) {
      const [host, port] = target.split(':');
      const socket = net.connect({ host, port: Number(port) });
      socket.on('connect', () => { console.log(target); socket.destroy(); }).on('error', () => {});
      setTimeout(() => socket.destroy(), 1000);
    }`;
  const gateway = addressInNetwork(to.subnet, 1);
  const targets = [site.address, gateway, ...hosts.map(({ address }) => address)].flatMap((address) => [
    `${address}:443`,
    `${address}:8440`,
  ]);
  const found = await Promise.all(
    from.hosts.map(async (host) => {
      const { stdout } = await from.inNetwork(host, process.execPath, '-e', script, ...targets);
      return stdout
        .split('\n')
        .filter(Boolean)
        .map((target) => `${from.stack.stack}/${host} → ${target}`);
    }),
  );
  return found.flat();
}

export const interrupted: OwnPoint<Counts> = {
  kind: 'own',
  id: 'stack-8',
  // Nearly a minute; the suite has fifteen.
  inSuite: false,
  title:
    'up killed at any point ends healthy when run again; down leaves nothing; two labs do not see each other',
  small: { kills: 1 },
  full: { kills: 20 },
  async run(place, { counts, atMost, log }) {
    const seed = Date.now() % 1_000_000;
    const random = seededRandom(seed);
    const startedMs = performance.now();
    const two = await sideBySide(place);
    log(`two labs side by side: ${JSON.stringify(two)} in ${Math.round(performance.now() - startedMs)} ms`);
    const runs: Interruption[] = [];
    // Of a whole `up`, launcher included; measured by the first that is not interrupted in time.
    let wholeMs = 10_000;
    for (let kill = 0; kill < counts.kills; kill += 1) {
      // One in each part of the whole, so that few kills are spread over it too.
      const run = await interrupt(place, ((kill + random()) / counts.kills) * wholeMs);
      wholeMs = Math.min(wholeMs, Math.max(run.upAgainMs, 3_000));
      runs.push(run);
      log(JSON.stringify(run));
    }
    const downs = runs.map(({ downMs }) => downMs);
    assert.ok(Math.max(...downs) <= atMost(downLimitMs), `down took ${Math.max(...downs)} ms`);
    return {
      seed,
      runs,
      downMs: summary(downs),
      upAgainMs: summary(runs.map((run) => run.upAgainMs)),
      sideBySide: two,
    };
  },
};
