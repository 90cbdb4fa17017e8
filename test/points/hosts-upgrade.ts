/** Programs replaced under running services, as apt does; `tandem upgrade` starts them anew without losing a request. */
import assert from 'node:assert/strict';
import type { Lab } from '#test/support/lab.ts';
import { startLoad } from '#test/support/load.ts';
import { layCopyOver, restartByForce, runsDeleted, takeCopyAway } from '#test/support/replaced-program.ts';
import { sleep } from '#test/support/wait.ts';
import { type LabPoint, summary } from './point.ts';

interface Counts {
  readonly rounds: number;
}

const connections = 32;
/** In this order each is a restart of something that is not needed at that moment. */
const replaced = [
  { service: 'haproxy', program: '/usr/sbin/haproxy', hosts: ['lb-2', 'lb-1'] },
  { service: 'nginx', program: '/usr/sbin/nginx', hosts: ['server-2', 'server-1'] },
  { service: 'mariadb', program: '/usr/sbin/mariadbd', hosts: ['server-2', 'server-1'] },
] as const;

/** Every service of the list runs a program that is no longer on its host's disk. */
async function replaceAll(lab: Lab): Promise<void> {
  for (const { service, program, hosts } of replaced) {
    for (const host of hosts) {
      await layCopyOver(lab, host, program);
      // The database's primary is not killed: that would be a failover.
      if (service === 'mariadb' && (await lab.status()).database.primary === host)
        await lab.expect('switchover', '--yes');
      await lab.healthy(120_000);
      await restartByForce(lab, host, service);
      await takeCopyAway(lab, host, program);
      assert.ok(await runsDeleted(lab, host, service), `${service} on ${host} runs what is on the disk`);
    }
  }
}

async function round(lab: Lab): Promise<{ requests: number; failed: number; seconds: number }> {
  await replaceAll(lab);
  const plan = await lab.expect('upgrade', '--dry-run');
  for (const { service, hosts } of replaced)
    for (const host of hosts)
      assert.match(plan, new RegExp(`${host}\n(?: .*\n)*  restart ${service} `), plan);
  const { primary } = (await lab.healthy()).database;
  assert.equal(
    plan
      .trim()
      .match(/^[a-z]\S*$/gm)
      ?.at(-1),
    primary,
    `the primary does not come last: ${plan}`,
  );
  const load = startLoad(await lab.url('/api/users'), { connections, seconds: 1_200, timeoutSeconds: 20 });
  await sleep(1_000);
  const startedMs = performance.now();
  try {
    await lab.expect('upgrade', '--yes');
  } finally {
    load.stop();
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  const { requests, failed, output } = await load.done;
  assert.ok(requests > 100, `the load was no load: ${output}`);
  assert.equal(failed, 0, `requests failed: ${output}`);
  for (const { service, hosts } of replaced)
    for (const host of hosts) assert.ok(!(await runsDeleted(lab, host, service)), `${service} on ${host}`);
  assert.match(await lab.expect('upgrade'), /Nothing to do/);
  await lab.healthy();
  return { requests, failed, seconds };
}

export const upgrades: LabPoint<Counts> = {
  kind: 'lab',
  id: 'hosts-upgrade',
  title: 'Programs replaced as apt does: upgrade restarts them host by host, with no failed request',
  inSuite: false,
  small: { rounds: 1 },
  full: { rounds: 3 },
  async run(lab, { counts, log }) {
    const seen = [];
    for (let count = 0; count < counts.rounds; count += 1) {
      seen.push(await round(lab));
      log(JSON.stringify(seen.at(-1)));
    }
    return {
      connections,
      replaced: replaced.map(({ service, hosts }) => `${service} on ${hosts.join(' and ')}`),
      requests: seen.reduce((sum, { requests }) => sum + requests, 0),
      failed: seen.reduce((sum, { failed }) => sum + failed, 0),
      seconds: summary(seen.map(({ seconds }) => seconds)),
    };
  },
};
