import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { DashboardSession } from '#test/support/dashboard/client.ts';
import { passwordsOf, stateOf, targetOf, withOperators } from '#test/support/dashboard/lab.ts';
import type { Lab } from '#test/support/lab.ts';
import { monitored, Prometheus } from '#test/support/monitoring.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import { type ToldAlert, WebhookReceiver } from '#test/support/webhook.ts';
import { type Evidence, type OwnPoint, withLab } from './point.ts';

interface Counts {
  /** Which monitoring hosts are powered off, one after the other. */
  readonly hosts: readonly Watcher[];
  /** Kills of Alertmanager and of Prometheus by themselves while there is something to tell. */
  readonly kills: number;
}

type Watcher = 'lb-1' | 'lb-2';
const watchers: readonly Watcher[] = ['lb-1', 'lb-2'];
const toldWithinMs = 12 * 60_000;

interface World {
  readonly lab: Lab;
  readonly receiver: WebhookReceiver;
  readonly password: string;
  readonly log: (line: string) => void;
}

/** Something in the course of an alert at which a part of monitoring dies. */
type Moment = 'before it fires' | 'once it was told' | 'as it ends';
const moments: readonly Moment[] = ['before it fires', 'once it was told', 'as it ends'];

/** An exporter hangs: both Prometheus see it, and the receiver hears of it, and of its end, once. */
async function toldOnce(
  { lab, receiver }: World,
  at: (moment: Moment) => Promise<unknown> = async () => undefined,
): Promise<Evidence> {
  const startedMs = Date.now();
  const told = (status: ToldAlert['status']) =>
    receiver
      .told('TargetDown', status, startedMs)
      .filter(({ labels }) => labels['instance'] === 'server-1' && labels['job'] === 'node');
  await lab.signalService('server-1', 'node-exporter', 'SIGSTOP');
  try {
    await at('before it fires');
    await waitFor('TargetDown at the receiver', () => told('firing').length > 0, toldWithinMs, 250);
    await at('once it was told');
  } finally {
    await lab.signalService('server-1', 'node-exporter', 'SIGCONT');
  }
  await at('as it ends');
  await waitFor('TargetDown resolved', () => told('resolved').length > 0, toldWithinMs, 250);
  // Whoever thinks that it has to be told as well has said so by then: it waits 15 s for the other.
  await sleep(40_000);
  assert.deepEqual(receiver.duplicates(), [], 'the same was told twice');
  return { notifications: receiver.notifications.filter(({ atMs }) => atMs >= startedMs).length };
}

/** The dashboard answers by the floating address, with figures of its own and of Prometheus. */
async function dashboardGoesOn({ lab, password }: World, dead: Watcher): Promise<Evidence> {
  const session = await waitFor(
    'a login at the dashboard',
    async () => DashboardSession.login(await targetOf(lab), 'admin', password),
    120_000,
    500,
  );
  const state = await waitFor(
    'the map without the dead host, and with all others',
    async () => {
      const found = await stateOf(session);
      assert.notEqual(found.servedBy, dead);
      const unreachable = found.hosts.filter(({ reachable }) => !reachable).map(({ name }) => name);
      assert.deepEqual(unreachable, [dead], 'hosts that the dashboard does not reach');
      return found;
    },
    120_000,
    500,
  );
  const isDeadHost = (text: string) => text.startsWith(`HostDown ${dead} `);
  const marks = await waitFor(
    "the last hour from the other host's Prometheus, with the dead host marked in it",
    async () => {
      const to = Date.now();
      const { status, body } = await session.ask(`/api/v1/metrics?from=${to - 3_600_000}&to=${to}`);
      assert.equal(status, 200, body);
      const metrics = JSON.parse(body) as { source: string; marks: readonly { text: string }[] };
      const texts = metrics.marks.map(({ text }) => text);
      return metrics.source === 'prometheus' && texts.some(isDeadHost) ? texts : undefined;
    },
    120_000,
    500,
  );
  return { servedBy: state.servedBy, marks };
}

async function goesOn(world: World, dead: Watcher): Promise<Evidence> {
  const { lab, receiver } = world;
  const startedMs = Date.now();
  const alive = await Prometheus.of(lab, dead === 'lb-1' ? 'lb-2' : 'lb-1');
  await lab.powerOff(dead);
  const told = (status: ToldAlert['status']) =>
    receiver.told('HostDown', status, startedMs).filter(({ labels }) => labels['instance'] === dead);
  await waitFor(`HostDown of ${dead}`, () => told('firing').length > 0, toldWithinMs, 250);
  const toldAfter = Math.round((Date.now() - startedMs) / 1_000);
  // Metrics go on: readings of the last minute, of every host that is there.
  await waitFor(
    'readings of all other hosts',
    async () => (await alive.query('time() - timestamp(up{job="agent"} == 1) < 60')).length === 3,
    120_000,
    1_000,
  );
  const isComputed = async () => (await alive.query('time() - timestamp(tandem:cpu:ratio) < 90')).length >= 3;
  await waitFor('computed series', isComputed, 180_000, 1_000);
  const dashboard = await dashboardGoesOn(world, dead);
  const other = await toldOnce(world);
  await lab.expect('up');
  await lab.healthy(600_000);
  await waitFor(`HostDown of ${dead} resolved`, () => told('resolved').length > 0, toldWithinMs, 250);
  await sleep(40_000);
  const starts = new Set(told('firing').map(({ startsAt }) => startsAt));
  const heard = receiver.notifications.filter(({ atMs }) => atMs >= startedMs);
  const story = () =>
    heard.flatMap(({ atMs, alerts }) =>
      alerts.map(({ name, status, labels, startsAt }) => {
        const afterSeconds = Math.round((atMs - startedMs) / 1_000);
        return `${afterSeconds} s: ${name} ${labels['instance'] ?? ''} ${status}, since ${startsAt}`;
      }),
    );
  assert.equal(starts.size, 1, `${dead} was told to be down more than once:\n${story().join('\n')}`);
  assert.deepEqual(receiver.duplicates(), [], 'the same was told twice');
  return { dead, toldAfter, dashboard, other };
}

/**
 * One of the two programs on one of the two hosts is killed in the course of an alert. Not within three seconds of a
 * message: an Alertmanager that dies after it has sent and before it has told the other is heard twice, by design
 * (prometheus.io/docs/alerting/latest/high_availability: "at least once").
 */
async function killed(world: World, round: number): Promise<Evidence> {
  const { lab } = world;
  const host = watchers[round % 2] as Watcher;
  const service = round % 4 < 2 ? 'alertmanager' : 'prometheus';
  const moment = moments[round % 3] as Moment;
  const seen = await toldOnce(world, async (now) => {
    if (now !== moment) return;
    await sleep(3_000 + randomInt(0, 12_000));
    await lab.signalService(host, service, 'SIGKILL');
  });
  await lab.healthy(300_000);
  return { host, service, moment, ...seen };
}

async function run(world: World, counts: Counts): Promise<Evidence> {
  const { receiver, log } = world;
  const both = await toldOnce(world);
  log(`both alive: ${JSON.stringify(both)}`);
  const kills: Evidence[] = [];
  for (let round = 0; round < counts.kills; round += 1) {
    kills.push(await killed(world, round));
    log(JSON.stringify(kills.at(-1)));
  }
  const dead: Evidence[] = [];
  for (const host of counts.hosts) {
    dead.push(await goesOn(world, host));
    log(`without ${host}: ${JSON.stringify(dead.at(-1))}`);
  }
  const duplicates = receiver.duplicates();
  assert.deepEqual(duplicates, [], 'the same was told twice');
  return { both, kills, dead, notifications: receiver.notifications.length, duplicates: duplicates.length };
}

export const monitoringHostDead: OwnPoint<Counts> = {
  kind: 'own',
  id: 'monitoring-3',
  title: 'One monitoring host dead: metrics, alerts and dashboard go on, and nothing is told twice',
  inSuite: false,
  small: { hosts: ['lb-2'], kills: 0 },
  full: { hosts: ['lb-2', 'lb-1'], kills: 4 },
  async run(place, { counts, log }) {
    const receiver = await WebhookReceiver.listen();
    try {
      return await withLab(
        place,
        async (lab) => run({ lab, receiver, password: (await passwordsOf(lab)).admin, log }, counts),
        (stack) => withOperators(monitored(stack, place.subnet, { webhooks: [receiver.port] })),
      );
    } finally {
      receiver.close();
    }
  },
};
