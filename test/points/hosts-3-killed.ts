import assert from 'node:assert/strict';
import { lstatSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lab } from '#test/support/lab.ts';
import { type Servers, startServers } from '#test/support/nspawn/servers.ts';
import { signal } from '#test/support/processes.ts';
import { sleep } from '#test/support/wait.ts';
import type { Evidence, OwnPoint, Place } from './point.ts';

interface Counts {
  /** The first step of a run on prepared servers that one is killed after. */
  readonly from: number;
  /** How many steps after that at most; a full run ends by itself when there is none left. */
  readonly kills: number;
}

/** Everything that Tandem puts on a host, but for data and times: files with their content, owners and modes, links, units, packages. */
async function state({ hosts }: Servers): Promise<ReadonlyMap<string, string>> {
  const list = `cd / && find etc/tandem etc/systemd/system -type f \\( -path 'etc/tandem/*' -o -name 'tandem-*' \\) |
      sort | xargs stat --printf '%n %U %G %a\\n'
    find etc/tandem etc/systemd/system -type f \\( -path 'etc/tandem/*' -o -name 'tandem-*' \\) | sort | xargs sha256sum
    find opt/tandem -maxdepth 2 | sort; readlink opt/tandem/code opt/tandem/app/current
    find opt/tandem/app -type f | sort | xargs sha256sum
    systemctl list-unit-files --state=enabled,masked --no-legend --plain | awk '{print $1, $2}'
    systemctl list-units --all --plain --no-legend 'tandem-*' | awk '{print $1, $3, $4}'
    nft -s -t list table inet tandem
    dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\\n'; apt-mark showhold
    ls /usr/sbin/policy-rc.d /var/lib/tandem 2>&1`;
  const texts = hosts.hosts.map(
    async (host) => [host.name, (await host.console('sh', '-c', list)).stdout] as const,
  );
  return new Map(await Promise.all(texts));
}

const stepLine = /^✓ (.*?) +[\d.]+ s$/gm;

/**
 * Runs `up` and kills it, its ssh processes too, as soon as the steps that it has finished are those that were waited
 * for; resolves to them. Undefined when they never were, and `up` ended by itself.
 */
async function upKilledWhen(
  lab: Lab,
  isTime: (steps: readonly string[]) => boolean,
): Promise<readonly string[] | undefined> {
  const child = lab.spawn('up');
  let said = '';
  const reached = new Promise<readonly string[] | undefined>((resolve, reject) => {
    child.stderr?.setEncoding('utf8').on('data', (part: string) => {
      said += part;
      const steps = [...said.matchAll(stepLine)].map(([, step = '']) => step);
      if (isTime(steps)) resolve(steps);
    });
    child.stdout?.resume();
    child.once('close', (code) => {
      if (code === 0) resolve(undefined);
      else reject(new Error(`up ended with ${code}: ${said}`));
    });
  });
  try {
    const steps = await reached;
    if (steps !== undefined && child.pid !== undefined) signal(-child.pid, 'SIGKILL');
    return steps;
  } finally {
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

/** A shared connection that was killed takes its commands on the servers a moment to notice. */
const connectionEndMs = 500;

/** Kills `up` after each step that none was killed after yet, run after run, until one ends; resolves to these steps. */
async function killUntilDone(
  lab: Lab,
  kills: number,
  log: (line: string) => void,
): Promise<readonly string[]> {
  const known = new Set<string>();
  while (known.size < kills) {
    const isNew = (step: string) => !known.has(step);
    const steps = await upKilledWhen(lab, (done) => done.some(isNew));
    const step = steps?.find(isNew);
    if (step === undefined) break;
    known.add(step);
    log(`killed after: ${step}`);
    await sleep(connectionEndMs);
  }
  await lab.expect('up');
  await lab.healthy(120_000);
  return [...known];
}

/** Kills `up` on bare servers again and again until every one is prepared, and keeps them as they are then. */
async function prepareAndKeep(place: Place, secrets: string, kept: Kept, log: (line: string) => void) {
  const servers = await startServers(place);
  try {
    const { lab, hosts } = servers;
    await takeState(lab, secrets, 'material');
    const known = new Set<string>();
    const unprepared = new Set(hosts.hosts.map(({ name }) => name));
    while (unprepared.size > 0) {
      const steps = await upKilledWhen(lab, (done) => done.some((step) => !known.has(step)));
      assert.ok(steps !== undefined, 'up ended before a server was seen prepared');
      for (const step of steps) {
        known.add(step);
        for (const name of unprepared) if (step.startsWith(name)) unprepared.delete(name);
      }
      log(`killed after: ${steps.at(-1)}`);
      await sleep(connectionEndMs);
    }
    await cp(stateOf(lab), kept.state, { recursive: true, filter: isNoSocket });
    await hosts.keep(kept.disks);
    return [...known];
  } finally {
    await servers.close();
  }
}

interface Kept {
  /** Of the servers, and of the operator. */
  readonly disks: string;
  readonly state: string;
}

/** ssh's shared connections may have theirs in the state directory. */
const isNoSocket = (path: string): boolean => !lstatSync(path).isSocket();

/** Gives the stack what another had in its state directory, so that their files can be compared to the last byte. */
async function takeState(lab: Lab, from: string, part = '.'): Promise<void> {
  await cp(from, join(stateOf(lab), part), { recursive: true });
}

/** Also of a stack that was never up. */
const stateOf = ({ directory, stack }: Lab): string => join(directory, '.tandem', stack.stack);

/**
 * Prepared servers; `up` killed after its `count`-th step, and run again. Undefined when it has fewer steps; otherwise
 * the step.
 */
async function killedAfter(
  place: Place,
  kept: Kept,
  count: number,
  wanted: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  const servers = await startServers({ ...place, kept: kept.disks });
  try {
    const { lab } = servers;
    await takeState(lab, kept.state);
    const steps = await upKilledWhen(lab, (done) => done.length >= count);
    if (steps === undefined) return undefined;
    await sleep(connectionEndMs);
    await lab.expect('up');
    await lab.healthy(120_000);
    equal(await state(servers), wanted, `after a first run that was killed after its step ${count}`);
    const { status } = await lab.fetch('/api/users');
    assert.equal(status, 200);
    return steps.slice(count - 1).join(', ');
  } finally {
    await servers.close();
  }
}

/** What both runs leave when nobody kills them; keeps the stack's secrets. */
async function uninterrupted(place: Place, secrets: string) {
  const servers = await startServers(place);
  try {
    await servers.lab.expect('up');
    await cp(join(await servers.lab.stateDirectory(), 'material'), secrets, { recursive: true });
    const first = await state(servers);
    await rolling(servers.lab);
    await servers.lab.expect('up');
    return { first, second: await state(servers) };
  } finally {
    await servers.close();
  }
}

/** A change that restarts the applications and reloads the balancers. */
async function rolling(lab: Lab): Promise<void> {
  const { stack } = lab;
  const app = { ...stack.web.app, environment: { CHANGED: 'yes' } };
  await lab.write({
    ...stack,
    web: { ...stack.web, app },
    balancer: { ...stack.balancer, serverTimeoutMs: 29_123 },
  });
}

function equal(seen: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>, what: string): void {
  for (const [host, text] of wanted) assert.equal(seen.get(host), text, `${host} ${what}`);
}

export const upKilled: OwnPoint<Counts> = {
  kind: 'own',
  id: 'hosts-3',
  title:
    'up killed after each single step, of a first run and of a rolling change: the next one ends in the same state',
  inSuite: false,
  small: { from: 10, kills: 3 },
  full: { from: 1, kills: 1_000 },
  async run(place, { counts: { from, kills }, log }): Promise<Evidence> {
    const directory = await mkdtemp(join(tmpdir(), 'tandem-killed-'));
    const secrets = join(directory, 'material');
    const kept = { disks: join(directory, 'disks'), state: join(directory, 'state') };
    await mkdir(kept.disks);
    try {
      const wanted = await uninterrupted(place, secrets);
      const preparing = await prepareAndKeep(place, secrets, kept, log);
      const starting: string[] = [];
      for (let count = from; count < from + kills; count += 1) {
        const step = await killedAfter(place, kept, count, wanted.first);
        if (step === undefined) break;
        log(`killed after step ${count}: ${step}`);
        starting.push(step);
      }
      const changing = await killedWhileChanging(place, kept, kills, wanted.second, log);
      return { killedAfter: { preparing, starting, changing } };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};

/** A change of a stack that is up, its steps one after another: killed after each, the next run goes on from there. */
async function killedWhileChanging(
  place: Place,
  kept: Kept,
  kills: number,
  wanted: ReadonlyMap<string, string>,
  log: (line: string) => void,
): Promise<readonly string[]> {
  const servers = await startServers({ ...place, kept: kept.disks });
  try {
    const { lab } = servers;
    await takeState(lab, kept.state);
    await lab.expect('up');
    await rolling(lab);
    const steps = await killUntilDone(lab, kills, log);
    equal(await state(servers), wanted, 'after a change that was killed again and again');
    return steps;
  } finally {
    await servers.close();
  }
}
