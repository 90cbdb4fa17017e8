import assert from 'node:assert/strict';
import { alertsOf } from '#src/render/monitoring/rules/rule-file.ts';
import type { StackFile } from '#src/spec/schema.ts';
import { monitoringOf } from '#src/topology/monitoring.ts';
import { specOf } from '#test/fixtures/spec.ts';
import { Lab, referenceStack } from '#test/support/lab.ts';
import { HostDisk } from '#test/support/ledger/disk.ts';
import { monitored, Prometheus } from '#test/support/monitoring.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import { WebhookReceiver } from '#test/support/webhook.ts';
import { type Cause, causes, notProvoked, type World } from './monitoring-causes.ts';
import type { Evidence, OwnPoint, Place } from './point.ts';

interface Counts {
  /** Names of alerts whose causes are provoked; null: all. */
  readonly alerts: readonly string[] | null;
  readonly quietMinutes: number;
}

/** From the cause to the receiver: an alert's own time, and how seldom Alertmanager speaks; rests are for a busy machine. */
const firesWithinMs = 12 * 60_000;
const resolvesWithinMs = 10 * 60_000;

function stackOf({ name, subnet }: Place, receivers: readonly WebhookReceiver[]): StackFile {
  const reference = referenceStack(name, subnet);
  const ports = receivers.map(({ port }) => port);
  const stack = monitored(reference, subnet, ports);
  return {
    ...stack,
    balancer: { ...stack.balancer, maxConnections: 100, requestTimeoutMs: 600_000 },
    database: { ...stack.database, maxConnections: 60, router: { maxClientConnections: 32 } },
  };
}

/** All alerts of the stack have a cause here, or stand among those that can't. */
function checkComplete(stack: StackFile): void {
  const spec = specOf(stack);
  const monitoring = monitoringOf(spec);
  assert.ok(monitoring !== undefined);
  const names = new Set(alertsOf(spec, monitoring).map(({ name }) => name));
  const covered = new Set([...causes.flatMap(({ alerts }) => alerts), ...notProvoked]);
  assert.deepEqual([...covered].sort(), [...names].sort());
}

async function provoke(world: World, main: WebhookReceiver, cause: Cause) {
  const { what, alerts } = cause;
  const startedMs = Date.now();
  const seconds = () => Math.round((Date.now() - startedMs) / 1_000);
  const heal = await cause.provoke(world);
  let firedAfter: number;
  let healedMs: number;
  try {
    const allFire = () => alerts.every((name) => main.told(name, 'firing', startedMs).length > 0);
    await waitFor(`${alerts.join(', ')} at the receiver (${what})`, allFire, firesWithinMs, 250);
    firedAfter = seconds();
  } finally {
    healedMs = Date.now();
    await heal();
  }
  const allResolve = () => alerts.every((name) => main.told(name, 'resolved', healedMs).length > 0);
  await waitFor(`${alerts.join(', ')} resolved at the receiver (${what})`, allResolve, resolvesWithinMs, 250);
  const summary = alerts.map((name) => main.told(name, 'firing', startedMs)[0]?.annotations['summary']);
  await settled(world.lab);
  return { what, alerts, summary, firedAfter, resolvedAfter: Math.round((Date.now() - healedMs) / 1_000) };
}

/** Healthy, and nothing pending: the next cause is not mixed up with what this one leaves behind. */
async function settled(lab: Lab): Promise<void> {
  await lab.healthy(300_000);
  const watchers = await Promise.all(['lb-1', 'lb-2'].map((host) => Prometheus.of(lab, host)));
  await waitFor(
    'no alert pending or firing',
    async () => {
      const all = (await Promise.all(watchers.map((watcher) => watcher.alerts()))).flat();
      if (all.length > 0) throw new Error(all.map(({ name, state }) => `${name} ${state}`).join(', '));
      return true;
    },
    900_000,
    2_000,
  );
}

async function quiet(lab: Lab, main: WebhookReceiver, minutes: number): Promise<Evidence> {
  await settled(lab);
  const startedMs = Date.now();
  await sleep(minutes * 60_000);
  const told = main.notifications
    .filter(({ atMs }) => atMs >= startedMs)
    .flatMap(({ alerts }) =>
      alerts.map(({ name, status, labels }) => `${status} ${name} ${JSON.stringify(labels)}`),
    );
  assert.deepEqual(told, [], `alerts in ${minutes} quiet minutes`);
  return { minutes, notifications: told.length };
}

export const alertsPoint: OwnPoint<Counts> = {
  kind: 'own',
  id: 'monitoring-2',
  title: 'Each alert fires for its real cause and resolves, told to a webhook; none in 15 quiet minutes',
  inSuite: false,
  small: { alerts: ['TargetDown', 'DiskFull'], quietMinutes: 1 },
  full: { alerts: null, quietMinutes: 15 },
  async run(place, { counts, log }) {
    const [main, other] = [await WebhookReceiver.listen(), await WebhookReceiver.listen()];
    const stack = stackOf(place, [main, other]);
    checkComplete(stack);
    const lab = await Lab.describe(stack);
    let disk: HostDisk | undefined;
    try {
      disk = await HostDisk.mount(lab, 'lb-2');
      await lab.expect('up');
      const silent = await quiet(lab, main, counts.quietMinutes);
      const wanted = causes.filter(
        ({ alerts }) => counts.alerts === null || alerts.some((name) => counts.alerts?.includes(name)),
      );
      const seen: Evidence[] = [];
      const failures: string[] = [];
      for (const cause of wanted) {
        try {
          const one = await provoke({ lab, other, disk: disk.path }, main, cause);
          seen.push(one);
          log(
            `${cause.alerts.join(', ')}: told after ${one.firedAfter} s, resolved after ${one.resolvedAfter} s`,
          );
        } catch (error) {
          failures.push(`${cause.what}: ${(error as Error).message}`);
          log(failures.at(-1) ?? '');
          await settled(lab);
        }
      }
      assert.deepEqual(failures, [], `${seen.length} causes were told and resolved`);
      assert.deepEqual(main.duplicates(), [], 'the same was told twice');
      return { quiet: silent, causes: seen, onlyByPromtool: notProvoked };
    } finally {
      main.close();
      other.close();
      await lab.run('down');
      await disk?.unmount();
      await lab.close();
    }
  },
};
