import assert from 'node:assert/strict';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lab } from '#test/support/lab.ts';
import { type Servers, startServers } from '#test/support/nspawn/servers.ts';
import { signal } from '#test/support/processes.ts';
import { sleep } from '#test/support/wait.ts';
import type { Evidence, OwnPoint, Place } from './point.ts';

interface Counts {
  /** Ends the test when so many runs were killed; a full run ends by itself when none is left. */
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

/**
 * Runs `up` and kills it, its ssh processes too, as soon as it has finished a step that none was killed after yet; undefined
 * when there was none, and `up` ended by itself.
 */
async function upKilledAfterOneStep(lab: Lab, known: ReadonlySet<string>): Promise<string | undefined> {
  const child = lab.spawn('up');
  let said = '';
  const step = new Promise<string | undefined>((resolve, reject) => {
    child.stderr?.setEncoding('utf8').on('data', (part: string) => {
      said += part;
      for (const [, found = ''] of said.matchAll(stepLine)) {
        if (!known.has(found)) resolve(found);
      }
    });
    child.stdout?.resume();
    child.once('close', (code) => {
      if (code === 0) resolve(undefined);
      else reject(new Error(`up ended with ${code}: ${said}`));
    });
  });
  try {
    const done = await step;
    if (done !== undefined && child.pid !== undefined) signal(-child.pid, 'SIGKILL');
    return done;
  } finally {
    child.stdout?.destroy();
    child.stderr?.destroy();
  }
}

/** Kills `up` after each of its steps until it ends without a new one; resolves to the steps. */
async function killUntilDone(
  lab: Lab,
  kills: number,
  log: (line: string) => void,
): Promise<readonly string[]> {
  const steps = new Set<string>();
  while (steps.size < kills) {
    const step = await upKilledAfterOneStep(lab, steps);
    if (step === undefined) break;
    steps.add(step);
    log(`killed after: ${step}`);
    // A shared connection that was killed takes its commands on the servers a moment to notice.
    await sleep(500);
  }
  await lab.expect('up');
  await lab.healthy(120_000);
  return [...steps];
}

const stepLine = /^✓ (.*?) +[\d.]+ s$/gm;

/** Of a whole `up`. */
async function stepsOf(lab: Lab): Promise<readonly string[]> {
  const { code, stdout, stderr } = await lab.run('up');
  assert.equal(code, 0, stdout + stderr);
  return [...stderr.matchAll(stepLine)].map(([, step = '']) => step);
}

/** Host and service of a step; what a plan gives as its reason differs from run to run. */
const subject = (step: string): string =>
  step.replace(/ \(.*\)$/, '').replace(/(prepare|make a release).*/, '$1');

/**
 * Steps of a whole run that were never the last one: they end in the same moment as others beside them, or are not
 * repeated by a run that finds them done.
 */
function neverLast(all: readonly string[], killed: readonly string[]): readonly string[] {
  const seen = new Set(killed.map(subject));
  return all.filter((step) => !seen.has(subject(step)));
}

/** Both stacks have the same secrets and certificates, so that their files can be compared to the last byte. */
async function uninterrupted(place: Place, secrets: string, change: (lab: Lab) => Promise<void>) {
  const servers = await startServers(place);
  try {
    const firstSteps = await stepsOf(servers.lab);
    await cp(join(await servers.lab.stateDirectory(), 'material'), secrets, { recursive: true });
    const first = await state(servers);
    await change(servers.lab);
    const secondSteps = await stepsOf(servers.lab);
    return { first, second: await state(servers), firstSteps, secondSteps };
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
  small: { kills: 5 },
  full: { kills: 1_000 },
  async run(place, { counts, log }): Promise<Evidence> {
    const secrets = await mkdtemp(join(tmpdir(), 'tandem-secrets-'));
    const wanted = await uninterrupted(place, secrets, rolling);
    const servers = await startServers(place);
    try {
      const { lab } = servers;
      const own = join(lab.directory, '.tandem', place.name, 'material');
      await cp(secrets, own, { recursive: true });
      const first = await killUntilDone(lab, counts.kills, log);
      equal(await state(servers), wanted.first, 'after a first run that was killed again and again');
      await rolling(lab);
      const second = await killUntilDone(lab, counts.kills, log);
      equal(await state(servers), wanted.second, 'after a change that was killed again and again');
      const { status } = await lab.fetch('/api/users');
      assert.equal(status, 200);
      return {
        killsOfTheFirstRun: first.length,
        killsOfTheChange: second.length,
        steps: [...first, ...second],
        neverTheLastStep: {
          ofTheFirstRun: neverLast(wanted.firstSteps, first),
          ofTheChange: neverLast(wanted.secondSteps, second),
        },
      };
    } finally {
      await servers.close();
      await rm(secrets, { recursive: true, force: true });
    }
  },
};
