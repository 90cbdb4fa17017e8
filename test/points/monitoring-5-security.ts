import assert from 'node:assert/strict';
import { ports } from '#src/topology/ports.ts';
import { raw, type Target } from '#test/support/dashboard/client.ts';
import { passwordsOf, targetOf, withOperators } from '#test/support/dashboard/lab.ts';
import {
  forgeriesAreRefused,
  guessingIsSlow,
  namesAreNotTold,
  pathsDoNotEscape,
  sessionsAreOnesOwn,
  sizesAreBounded,
  slowClientsAreCut,
  strangersAreRefused,
  streamsAreSound,
  streamsOutliveTakeovers,
  type Victim,
  viewersOnlyLook,
} from '#test/support/dashboard/security.ts';
import type { Lab } from '#test/support/lab.ts';
import { type Evidence, type OwnPoint, withLab } from './point.ts';

interface Counts {
  readonly rounds: number;
}

/** Requests without a client certificate to what is for mutual TLS: no answer, or none of HTTP. */
async function metricsAreClosed(lab: Lab): Promise<number> {
  const { hosts } = await lab.status();
  const ca = await lab.ca();
  let tried = 0;
  for (const { name, address, roles } of hosts) {
    const open = [ports.agent, ...(roles.includes('balancer') ? [ports.balancerMetrics] : [])];
    for (const port of open) {
      const target: Target = { origin: `https://${address}:${port}`, ca };
      const { text } = await raw(
        target,
        (socket) => socket.write(`GET /metrics HTTP/1.1\r\nhost: ${name}\r\nconnection: close\r\n\r\n`),
        10_000,
      );
      assert.equal(text, '', `${name}:${port} answered without a certificate: ${text.slice(0, 100)}`);
      tried += 1;
    }
  }
  return tried;
}

/** A stranger on the network who is no operator gets no connection at all. */
async function firewallStandsBefore(lab: Lab): Promise<void> {
  const { site } = await lab.status();
  // From a host that is no operator: the firewall drops it, so that nothing comes back within the time.
  const words = [
    '--max-time',
    '3',
    '--silent',
    '--insecure',
    `https://${site.address}:${ports.dashboard}/login`,
  ];
  const { code } = await lab.inNetwork('server-1', 'curl', ...words);
  assert.ok(code === 28 || code === 7, `curl from server-1 ended with ${code}`);
}

async function attack(lab: Lab, log: (line: string) => void): Promise<Evidence> {
  const passwords = await passwordsOf(lab);
  const [target, first, second] = await Promise.all([
    targetOf(lab),
    targetOf(lab, (await lab.status()).hosts.find(({ name }) => name === 'lb-1')?.address),
    targetOf(lab, (await lab.status()).hosts.find(({ name }) => name === 'lb-2')?.address),
  ]);
  const victim: Victim = {
    target,
    secrets: [lab.stack.stack, 'server-1'],
    admin: { name: 'admin', password: passwords.admin },
    viewer: { name: 'victor', password: passwords.victor },
  };
  log('strangers');
  const strangers = await strangersAreRefused(victim);
  const closed = await metricsAreClosed(lab);
  await firewallStandsBefore(lab);
  log('forgeries');
  const forgeries = await forgeriesAreRefused(victim);
  await sessionsAreOnesOwn(victim, [first, second]);
  for (const other of [first, second]) await streamsOutliveTakeovers(victim, other);
  log('roles and tokens');
  const token = (await lab.expect('dashboard', 'token', 'create', 'prove', '--for', '1h')).trim();
  const acts = await viewersOnlyLook(victim, token);
  await lab.expect('dashboard', 'token', 'revoke', 'prove');
  log('paths, sizes, streams');
  const escapes = await pathsDoNotEscape(victim);
  await sizesAreBounded(victim);
  await streamsAreSound(victim);
  log('slow clients');
  const slow = await slowClientsAreCut(victim, 60_000);
  log('guessing');
  await namesAreNotTold(victim);
  const guessing = await guessingIsSlow(victim, 'olga', passwords.olga);
  return { strangers, closedPorts: closed, forgeries, actsRefusedToViewers: acts, escapes, slow, guessing };
}

export const dashboardSecurity: OwnPoint<Counts> = {
  kind: 'own',
  id: 'monitoring-5',
  title:
    'The dashboard tells strangers nothing; forgery, fixation, guessing, traversal, size and slowness get nowhere',
  inSuite: false,
  small: { rounds: 1 },
  full: { rounds: 3 },
  run: (place, { counts, log }) =>
    withLab(
      place,
      async (lab) => {
        let seen: Evidence = {};
        // Guesses of one round must not stand in the way of the next: each has passwords of its own, and a new process.
        for (let round = 0; round < counts.rounds; round += 1) {
          seen = await attack(lab, log);
          for (const host of ['lb-1', 'lb-2']) await lab.signalService(host, 'dashboard', 'SIGKILL');
          await lab.healthy();
        }
        return seen;
      },
      withOperators,
    ),
};
