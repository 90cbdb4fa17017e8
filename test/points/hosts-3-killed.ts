import assert from 'node:assert/strict';
import type { Lab } from '#test/support/lab.ts';
import { type Servers, startServers } from '#test/support/nspawn/servers.ts';
import { signal } from '#test/support/processes.ts';
import { sleep } from '#test/support/wait.ts';
import type { Evidence, OwnPoint, Place } from './point.ts';

interface Counts {
  /** Ends the test when so many runs were killed; a full run ends by itself when none is left. */
  readonly kills: number;
}

/** Everything that Tandem puts on a host, but for what is the host's own (keys, data, times). */
async function state({ hosts }: Servers): Promise<ReadonlyMap<string, string>> {
  const list = `cd / && find etc/tandem etc/systemd/system -type f \\( -path 'etc/tandem/*' -o -name 'tandem-*' \\) |
      sort | xargs stat --printf '%n %U %G %a '; echo
    find etc/tandem etc/systemd/system -type f \\( -path 'etc/tandem/*' -o -name 'tandem-*' \\) |
      grep -v -e '\\.pem$' -e '\\.key$' -e passwords -e '\\.env$' -e router.json -e client.cnf -e agent.json -e etcd.yaml -e stack.json |
      sort | xargs sha256sum
    find opt/tandem -maxdepth 2 | sort; readlink opt/tandem/code opt/tandem/app opt/tandem/static
    systemctl list-unit-files --state=enabled,masked --no-legend --plain | awk '{print $1, $2}'
    systemctl list-units --all --plain --no-legend 'tandem-*' | awk '{print $1, $3, $4}'
    dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\\n'; apt-mark showhold
    ls /usr/sbin/policy-rc.d /var/lib/tandem 2>&1`;
  const texts = hosts.hosts.map(
    async (host) => [host.name, (await host.console('sh', '-c', list)).stdout] as const,
  );
  return new Map(await Promise.all(texts));
}

/**
 * Runs `up` and kills it, its ssh processes too, as soon as it has finished one more step than `last`, which may be the first
 * of every run (out of service); undefined when it ended before.
 */
async function upKilledAfterOneStep(lab: Lab, last: string | undefined): Promise<string | undefined> {
  const child = lab.spawn('up');
  const step = new Promise<string | undefined>((resolve) => {
    let text = '';
    child.stderr?.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const found = [...text.matchAll(/^✓ (.*?) +[\d.]+ s$/gm)].map(([, step]) => step);
      const next = found.find((step) => step !== last);
      if (next !== undefined) resolve(next);
    });
    child.stdout?.resume();
    child.once('close', () => resolve(undefined));
  });
  const done = await step;
  if (done !== undefined && child.pid !== undefined) signal(-child.pid, 'SIGKILL');
  child.stdout?.destroy();
  child.stderr?.destroy();
  // A shared connection that was killed takes its commands on the servers a moment to notice.
  await sleep(500);
  return done;
}

/** Kills `up` after each step until nothing is left to do; resolves to the steps. */
async function killUntilDone(
  lab: Lab,
  kills: number,
  log: (line: string) => void,
): Promise<readonly string[]> {
  const steps: string[] = [];
  while (steps.length < kills) {
    const step = await upKilledAfterOneStep(lab, steps.at(-1));
    if (step === undefined) break;
    // Waiting for health changes nothing: it would be the first step of every further run.
    if (/healthy/.test(step)) break;
    steps.push(step);
    log(`killed after: ${step}`);
  }
  await lab.expect('up');
  await lab.healthy(120_000);
  return steps;
}

async function uninterrupted(place: Place, change: (lab: Lab) => Promise<void>) {
  const servers = await startServers(place);
  try {
    await servers.lab.expect('up');
    const first = await state(servers);
    await change(servers.lab);
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
  small: { kills: 5 },
  full: { kills: 1_000 },
  async run(place, { counts, log }): Promise<Evidence> {
    const wanted = await uninterrupted(place, rolling);
    const servers = await startServers(place);
    try {
      const { lab } = servers;
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
      };
    } finally {
      await servers.close();
    }
  },
};
