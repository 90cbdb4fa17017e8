import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Servers, startServers } from '#test/support/nspawn/servers.ts';
import { type FailedRequest, SiteLoad } from '#test/support/site-load.ts';
import { sleep } from '#test/support/wait.ts';
import type { Evidence, OwnPoint } from './point.ts';

interface Counts {
  readonly clients: number;
}

/** Hashes of what is defined and shown on a host, by path. */
async function defined({ hosts }: Servers, host: string): Promise<string> {
  const list = `find /etc/tandem /etc/systemd/system -name 'tandem-*' -type f -o -path '/etc/tandem/*' -type f |
    sort | xargs sha256sum; readlink /opt/tandem/code /opt/tandem/app/current; cat /run/tandem/units/*`;
  return (await hosts.host(host).console('sh', '-c', list)).stdout;
}

interface Stopped {
  readonly said: string;
  readonly requests: number;
  readonly failed: readonly FailedRequest[];
}

/** Runs a change that must stop, under load; resolves to what it said. */
async function stops(
  { lab }: Servers,
  { clients }: Counts,
  work: () => Promise<{ code: number; stdout: string; stderr: string }>,
): Promise<Stopped> {
  const site = SiteLoad.start({
    ...{ url: await lab.url(), ca: await lab.ca() },
    ...{ clients, pauseMs: 400, timeoutMs: 20_000 },
  });
  await sleep(2_000);
  const result = await work().catch(async (error) => {
    await site.stop();
    throw error;
  });
  await sleep(2_000);
  const { requests, failed } = await site.stop();
  const said = result.stdout + result.stderr;
  assert.equal(result.code, 1, said);
  assert.doesNotMatch(said, /\n\s+at .*\.ts:\d+/);
  assert.ok(requests > 50, `the load was no load: ${requests} requests`);
  return { said, requests, failed };
}

/** The lines of an error, without the steps before it. */
const errorOf = (said: string) => said.slice(said.indexOf('error '));

/** An application whose new version never says that it is healthy. */
async function failingRelease(
  servers: Servers,
  counts: Counts,
  log: (line: string) => void,
): Promise<Evidence> {
  const { lab, app } = servers;
  const path = join(app, 'server.ts');
  const good = await readFile(path, 'utf8');
  const before = await defined(servers, 'server-1');
  const untouched = await defined(servers, 'server-2');
  await writeFile(path, `throw new Error('this release does not start');\n`);
  const { said, requests, failed } = await stops(servers, counts, () => lab.run('deploy'));
  log(errorOf(said));
  assert.match(said, /is not healthy on server-1.* Every web host runs release/);
  assert.match(said, /this release does not start/);
  assert.equal(await defined(servers, 'server-1'), before, 'server-1 after it was put back');
  assert.equal(await defined(servers, 'server-2'), untouched, 'server-2');
  assert.deepEqual(failed, [], 'requests failed');
  await lab.healthy(120_000);
  await writeFile(path, good);
  assert.match(await lab.expect('deploy'), /Nothing changed/);
  assert.match(await lab.expect('up'), /Nothing changed/);
  return { said: errorOf(said).split('\n').slice(0, 3), requests, failed: failed.length };
}

async function diskFull(servers: Servers, counts: Counts, log: (line: string) => void): Promise<Evidence> {
  const { lab, hosts, app } = servers;
  const host = hosts.host('server-1');
  await host.console('sh', '-c', 'dd if=/dev/zero of=/var/filler bs=1M 2>/dev/null; sync');
  // Something large and new, that does not compress.
  await writeFile(
    join(app, 'large.bin'),
    await readFile('/proc/self/exe').then((bytes) => bytes.subarray(0, 20_000_000)),
  );
  const { said, requests, failed } = await stops(servers, counts, () => lab.run('deploy'));
  log(errorOf(said));
  assert.match(said, /server-1: could not install release/);
  assert.match(said, /KiB free, and the release needs|No space left on device/);
  assert.deepEqual(failed, [], 'requests failed');
  await host.console('rm', '/var/filler');
  await lab.healthy(120_000);
  await lab.expect('deploy');
  return { said: errorOf(said).split('\n').slice(0, 3), requests, failed: failed.length };
}

/** The plug of the second web host is pulled while the first one is being changed. */
async function poweredOff(servers: Servers, counts: Counts, log: (line: string) => void): Promise<Evidence> {
  const { lab, hosts } = servers;
  const original = lab.stack;
  const environment = { CHANGED: 'yes' };
  await lab.write({ ...original, web: { ...original.web, app: { ...original.web.app, environment } } });
  const off = hosts.host('server-2');
  const { said, requests, failed } = await stops(servers, counts, async () => {
    const child = lab.spawn('up');
    let text = '';
    const pulled = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr])
        stream?.setEncoding('utf8').on('data', (part: string) => {
          text += part;
          if (/server-1 +restart app-1/.test(text)) resolve();
        });
    });
    const code = new Promise<number>((resolve) => child.once('close', (value) => resolve(value ?? 255)));
    await Promise.race([pulled, code]);
    await off.powerOff();
    return { code: await code, stdout: text, stderr: '' };
  });
  log(errorOf(said));
  assert.match(said, /change stopped at server-1/);
  assert.match(said, /server-2/);
  const answer = await lab.fetch('/api/users');
  assert.equal(answer.status, 200, 'the site with one host off');
  await off.powerOn();
  await lab.healthy(300_000);
  await lab.expect('up');
  // Those that the host had when its plug was pulled, if they could not be sent to another.
  return { said: errorOf(said).split('\n').slice(0, 4), requests, failed: failed.length };
}

export const changeStops: OwnPoint<Counts> = {
  kind: 'own',
  id: 'hosts-4',
  title:
    'A release that fails, a full disk, a host switched off: the change stops, the site serves, the report says why',
  inSuite: false,
  small: { clients: 8 },
  full: { clients: 32 },
  async run(place, { counts, log }) {
    const servers = await startServers({ ...place, diskMiB: 3_000 });
    try {
      await servers.lab.expect('up');
      return {
        failingRelease: await failingRelease(servers, counts, log),
        diskFull: await diskFull(servers, counts, log),
        poweredOff: await poweredOff(servers, counts, log),
      };
    } finally {
      await servers.close();
    }
  },
};
