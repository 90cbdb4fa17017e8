/** Releases under load: rolling, broken, as a canary, back, interrupted. No request may fail. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Application, lastWords } from '#test/support/application.ts';
import { type Lab, referenceStack } from '#test/support/lab.ts';
import { startLoad } from '#test/support/load.ts';
import { Prober } from '#test/support/prober.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import { type Evidence, type OwnPoint, type Place, summary, withLab } from './point.ts';

interface Counts {
  readonly rounds: number;
  readonly connections: number;
}

interface Seen {
  readonly what: string;
  readonly seconds: number;
  readonly requests: number;
  readonly failed: number;
  /** Longest time without a successful answer on a new connection every 50 ms. */
  readonly longestPauseMs: number;
}

/** A request that takes longer has failed; what takes long without failing shows as a pause. */
const patienceMs = 20_000;
const webs = ['server-1', 'server-2'] as const;

/** Runs `work` while connections ask the application and another client asks on new ones. */
async function underLoad(
  lab: Lab,
  connections: number,
  what: string,
  work: () => Promise<void>,
): Promise<Seen> {
  const url = await lab.url('/api/users');
  const load = startLoad(url, { connections, seconds: 1_200, timeoutSeconds: patienceMs / 1_000 });
  using prober = new Prober().start(url, await lab.ca(), { everyMs: 50, timeoutMs: patienceMs });
  await sleep(1_000);
  const startedMs = performance.now();
  try {
    await work();
  } finally {
    await sleep(500);
    load.stop();
  }
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  const [{ requests, failed, output }, report] = await Promise.all([load.done, prober.stop()]);
  const seen = {
    what,
    seconds,
    requests: requests + report.probes.length,
    failed: failed + report.failed.length,
    longestPauseMs: Math.round(report.largestGapMs),
  };
  assert.ok(requests > 100, `the load was no load: ${output}`);
  const first = report.failed[0];
  assert.equal(seen.failed, 0, `requests failed during "${what}": ${first?.error ?? ''} ${output}`);
  return seen;
}

/** Which version each web host's processes answer with, asked through nginx on the host itself. */
async function versions(lab: Lab): Promise<Readonly<Record<string, string>>> {
  const seen: Record<string, string> = {};
  for (const host of webs) {
    const socket = (instance: number) => ['--unix-socket', `/run/tandem/app/app-${instance}.sock`];
    const ask = async (instance: number) => {
      const { stdout } = await lab.exec(host, 'curl', '-si', ...socket(instance), 'http://app/health');
      return /^x-version: (.*)$/im.exec(stdout)?.[1]?.trim() ?? '';
    };
    seen[host] = [...new Set([await ask(1), await ask(2)])].join(' and ');
  }
  return seen;
}

const both = (version: string) => ({ 'server-1': version, 'server-2': version });

async function expectVersions(lab: Lab, wanted: Readonly<Record<string, string>>): Promise<void> {
  assert.deepEqual(await versions(lab), wanted);
  await lab.healthy();
}

/** A broken version goes to the first host, and back; the others never see it. */
async function broken(lab: Lab, directory: string, before: string, words: string): Promise<void> {
  const result = await lab.run('deploy', directory);
  assert.equal(result.code, 1, `a broken release was taken: ${result.stdout}${result.stderr}`);
  assert.match(result.stderr, /is not healthy on server-1.*Every web host runs release/s);
  assert.ok(result.stderr.includes(words), `its last words are not told: ${result.stderr}`);
  assert.doesNotMatch(result.stderr, /server-2 +start release/);
  await expectVersions(lab, both(before));
}

/** Shares of 300 requests by version, each on a connection of its own. */
async function shares(lab: Lab): Promise<Readonly<Record<string, number>>> {
  const seen: Record<string, number> = {};
  for (let request = 0; request < 300; request += 1) {
    const version = (await lab.fetch('/api/users')).headers['x-version'] ?? '';
    seen[version] = (seen[version] ?? 0) + 1;
  }
  return seen;
}

/** SIGKILL in the middle of the first host's change; the next deploy ends where an undisturbed one would have. */
async function interrupted(lab: Lab, directory: string, version: string, at: string): Promise<void> {
  const child = lab.spawn('deploy', directory);
  let said = '';
  child.stderr?.on('data', (text) => {
    said += text;
  });
  const ended = once(child, 'exit');
  await waitFor(`deploy to say '${at}'`, () => said.includes(at), 120_000, 5);
  process.kill(-(child.pid ?? 0), 'SIGKILL');
  await ended;
  // The killed command's lock gives way when its lease has ended.
  await waitFor(
    'a deploy after the killed one',
    async () => (await lab.run('deploy', directory)).code === 0,
    120_000,
    1_000,
  );
  await expectVersions(lab, both(version));
}

async function round(
  lab: Lab,
  application: Application,
  number: number,
  connections: number,
): Promise<readonly Seen[]> {
  const seen: Seen[] = [];
  const step = async (what: string, work: () => Promise<void>) => {
    seen.push(await underLoad(lab, connections, what, work));
  };
  const name = (text: string) => `${text}-${number}`;
  const next = await application.version(name('next'));
  const canary = await application.version(name('canary'));
  // What fails with nothing changed is the machine's: then nothing of this can be shown on it.
  await step('nothing', () => sleep(10_000));
  await step('a new release', async () => {
    await lab.expect('deploy', next);
    await expectVersions(lab, both(name('next')));
  });
  for (const breakage of ['ends at once', 'answers 500'] as const) {
    const directory = await application.version(name(breakage), breakage);
    await step(`a release that ${breakage}`, () => broken(lab, directory, name('next'), lastWords[breakage]));
  }
  await step('a canary, taken back', async () => {
    await lab.expect('deploy', canary, '--canary', '1');
    await expectVersions(lab, { 'server-1': name('canary'), 'server-2': name('next') });
    await lab.expect('deploy', '--rollback');
    await expectVersions(lab, both(name('next')));
  });
  await lab.expect('deploy', canary, '--canary', '1');
  assert.deepEqual(await shares(lab), { [name('canary')]: 150, [name('next')]: 150 }, 'with weights 1 and 1');
  await lab.expect('up');
  await expectVersions(lab, { 'server-1': name('canary'), 'server-2': name('next') });
  await step('a canary, continued', async () => {
    await lab.expect('deploy', '--continue');
    await expectVersions(lab, both(name('canary')));
  });
  assert.deepEqual(await shares(lab), { [name('canary')]: 300 });
  await step('back to the release before', async () => {
    await lab.expect('deploy', 'rollback');
    await expectVersions(lab, both(name('next')));
  });
  const killed = await application.version(name('killed'));
  for (const at of ['out of service', 'start release']) {
    await step(`killed after '${at}', then deployed again`, () =>
      interrupted(lab, killed, name('killed'), at),
    );
    await lab.expect('deploy', next);
  }
  return seen;
}

function tableOf(seen: readonly Seen[]): readonly Evidence[] {
  return [...new Set(seen.map(({ what }) => what))].map((what) => {
    const rows = seen.filter((row) => row.what === what);
    const total = (value: (row: Seen) => number) => rows.reduce((sum, row) => sum + value(row), 0);
    return {
      what,
      runs: rows.length,
      requests: total(({ requests }) => requests),
      failed: total(({ failed }) => failed),
      longestPauseMs: summary(rows.map(({ longestPauseMs }) => longestPauseMs)),
      seconds: summary(rows.map(({ seconds }) => seconds)),
    };
  });
}

async function run(place: Place, counts: Counts, log: (line: string) => void): Promise<Evidence> {
  const application = await Application.make();
  try {
    const first = await application.version('first');
    return await withLab(
      place,
      async (lab) => {
        const seen: Seen[] = [];
        for (let number = 1; number <= counts.rounds; number += 1) {
          const rows = await round(lab, application, number, counts.connections);
          for (const row of rows) log(JSON.stringify(row));
          seen.push(...rows);
        }
        return { connections: counts.connections, changes: tableOf(seen) };
      },
      (stack) => ({
        ...referenceStack(place.name, place.subnet),
        web: {
          ...stack.web,
          static: `${first}/public`,
          app: { directory: first, command: ['node', 'server.ts'] },
        },
      }),
    );
  } finally {
    await application.close();
  }
}

export const deploys: OwnPoint<Counts> = {
  kind: 'own',
  id: 'hosts-deploy',
  title: 'Releases under load: rolling, broken, canary, back, killed; no failed request',
  inSuite: false,
  small: { rounds: 1, connections: 4 },
  full: { rounds: 1, connections: 32 },
  run: (place, { counts, log }) => run(place, counts, log),
};
