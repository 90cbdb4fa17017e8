import assert from 'node:assert/strict';
import type { Lab } from '#test/support/lab.ts';
import { monitored, Prometheus } from '#test/support/monitoring.ts';
import { waitFor } from '#test/support/wait.ts';
import { WebhookReceiver } from '#test/support/webhook.ts';
import { type Evidence, type OwnPoint, withLab } from './point.ts';

interface Counts {
  /** Which monitoring hosts die, one after the other. */
  readonly hosts: readonly ('lb-1' | 'lb-2')[];
}

const toldWithinMs = 10 * 60_000;

/** An exporter hangs: both Prometheus see it, and the receiver hears of it once. */
async function toldOnce(lab: Lab, receiver: WebhookReceiver): Promise<Evidence> {
  const startedMs = Date.now();
  const firing = () => receiver.told('TargetDown', 'firing', startedMs);
  await lab.signalService('server-1', 'node-exporter', 'SIGSTOP');
  try {
    await waitFor('TargetDown at the receiver', () => firing().length > 0, toldWithinMs, 250);
  } finally {
    await lab.signalService('server-1', 'node-exporter', 'SIGCONT');
  }
  const resolved = () => receiver.told('TargetDown', 'resolved', startedMs);
  await waitFor('TargetDown resolved', () => resolved().length > 0, toldWithinMs, 250);
  return { firing: firing().length, resolved: resolved().length };
}

async function goesOn(lab: Lab, receiver: WebhookReceiver, dead: 'lb-1' | 'lb-2'): Promise<Evidence> {
  const startedMs = Date.now();
  const alive = await Prometheus.of(lab, dead === 'lb-1' ? 'lb-2' : 'lb-1');
  await lab.powerOff(dead);
  const told = (status: 'firing' | 'resolved') =>
    receiver.told('HostDown', status, startedMs).filter(({ labels }) => labels['instance'] === dead);
  await waitFor(`HostDown of ${dead}`, () => told('firing').length > 0, toldWithinMs, 250);
  // Metrics go on: readings of the last half minute, of every host that is there.
  const fresh = await alive.query('time() - timestamp(up{job="agent"} == 1) < 60');
  assert.equal(fresh.length, 3, 'the other hosts are read');
  const rules = await alive.query('time() - timestamp(tandem:cpu:ratio) < 90');
  assert.ok(rules.length >= 3, 'rules are computed');
  const other = await toldOnce(lab, receiver);
  await lab.expect('up');
  await lab.healthy(300_000);
  await waitFor(`HostDown of ${dead} resolved`, () => told('resolved').length > 0, toldWithinMs, 250);
  const starts = new Set(told('firing').map(({ startsAt }) => startsAt));
  assert.equal(starts.size, 1, `${dead} was told to be down more than once`);
  return { dead, hostDown: { firing: told('firing').length, resolved: told('resolved').length }, other };
}

export const monitoringHostDead: OwnPoint<Counts> = {
  kind: 'own',
  id: 'monitoring-3',
  title: 'One monitoring host dead: metrics and alerts go on, and nothing is told twice',
  inSuite: false,
  small: { hosts: ['lb-2'] },
  full: { hosts: ['lb-2', 'lb-1'] },
  async run(place, { counts, log }) {
    const receiver = await WebhookReceiver.listen();
    try {
      return await withLab(
        place,
        async (lab) => {
          const both = await toldOnce(lab, receiver);
          log(`both alive: ${JSON.stringify(both)}`);
          const dead: Evidence[] = [];
          for (const host of counts.hosts) {
            dead.push(await goesOn(lab, receiver, host));
            log(`without ${host}: ${JSON.stringify(dead.at(-1))}`);
          }
          assert.deepEqual(receiver.duplicates(), [], 'the same was told twice');
          return { both, dead, notifications: receiver.notifications.length };
        },
        (stack) => monitored(stack, place.subnet, { webhooks: [receiver.port] }),
      );
    } finally {
      receiver.close();
    }
  },
};
