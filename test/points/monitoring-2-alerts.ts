import assert from 'node:assert/strict';
import { alertsOf } from '#src/render/monitoring/rules/rule-file.ts';
import type { StackFile } from '#src/spec/schema.ts';
import { monitoringOf } from '#src/topology/monitoring.ts';
import { specOf } from '#test/fixtures/spec.ts';
import { Lab, referenceStack } from '#test/support/lab.ts';
import { HostDisk } from '#test/support/ledger/disk.ts';
import { Mailbox } from '#test/support/mailbox.ts';
import { monitored, type Receivers, webhookOf } from '#test/support/monitoring.ts';
import { sleep } from '#test/support/wait.ts';
import { WebhookReceiver } from '#test/support/webhook.ts';
import { causes, notProvoked } from './causes/all.ts';
import type { Cause } from './causes/cause.ts';
import { Provoker, settled } from './causes/provoke.ts';
import { type Evidence, type OwnPoint, type Place, withLab } from './point.ts';

interface Counts {
  /** Names of alerts whose causes are provoked; null: all. */
  readonly alerts: readonly string[] | null;
}

/** Limits that a test can reach. */
function stackOf({ name, subnet }: Place, receivers: Receivers): StackFile {
  const stack = monitored(referenceStack(name, subnet), subnet, receivers);
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
  const provoked = causes.flatMap(({ alerts }) => alerts.map(({ name }) => name));
  assert.deepEqual([...new Set([...provoked, ...notProvoked])].sort(), [...names].sort());
}

/** Of a small run, another choice: `ALERTS=ReplicaLag,DiskFull npm run prove -- monitoring-2 --small`. */
function wantedOf({ alerts }: Counts): readonly Cause[] {
  if (alerts === null) return causes;
  const names = process.env['ALERTS']?.split(',') ?? alerts;
  const wanted = causes.filter((cause) => cause.alerts.some(({ name }) => names.includes(name)));
  assert.ok(wanted.length > 0, `no cause of ${names.join(', ')}`);
  return wanted;
}

async function provokeAll(
  lab: Lab,
  disk: HostDisk,
  wanted: readonly Cause[],
  { main, other, mailbox }: { main: WebhookReceiver; other: WebhookReceiver; mailbox: Mailbox },
  log: (line: string) => void,
): Promise<Evidence> {
  const startedMs = Date.now();
  const world = { lab, other, disk: disk.path };
  const { told, failures, apart } = await new Provoker(world, main, mailbox, log).run(wanted);
  assert.deepEqual(failures, [], `${told.length} causes were told and resolved`);
  assert.deepEqual(main.duplicates(apart), [], 'the same was told twice');
  return {
    causes: told,
    minutes: Math.round((Date.now() - startedMs) / 6_000) / 10,
    notifications: main.notifications.length,
    mails: mailbox.mails.length,
    onlyByPromtool: notProvoked,
  };
}

export const alertsPoint: OwnPoint<Counts> = {
  kind: 'own',
  id: 'monitoring-2',
  title: 'Each alert fires for its real cause and resolves, told to a webhook and by mail',
  inSuite: false,
  small: { alerts: ['TargetDown', 'DiskFull'] },
  full: { alerts: null },
  async run(place, { counts, log }) {
    const wanted = wantedOf(counts);
    const [main, other] = [await WebhookReceiver.listen(), await WebhookReceiver.listen()];
    const mailbox = await Mailbox.listen('0.0.0.0');
    const stack = stackOf(place, { webhooks: [main.port, other.port], mailbox: mailbox.port });
    checkComplete(stack);
    const lab = await Lab.describe(stack);
    let disk: HostDisk | undefined;
    try {
      disk = await HostDisk.mount(lab, 'lb-2');
      await lab.expect('up');
      return await provokeAll(lab, disk, wanted, { main, other, mailbox }, log);
    } finally {
      for (const receiver of [main, other, mailbox]) receiver.close();
      await lab.run('down');
      await disk?.unmount();
      await lab.close();
    }
  },
};

export const quietPoint: OwnPoint<{ readonly minutes: number }> = {
  kind: 'own',
  id: 'monitoring-2-quiet',
  title: 'No alert in 15 quiet minutes',
  inSuite: false,
  small: { minutes: 1 },
  full: { minutes: 15 },
  async run(place, { counts: { minutes } }) {
    const receiver = await WebhookReceiver.listen();
    const look = async (lab: Lab): Promise<Evidence> => {
      await settled(lab);
      const startedMs = Date.now();
      await sleep(minutes * 60_000);
      const told = receiver.notifications
        .filter(({ atMs }) => atMs >= startedMs)
        .flatMap(({ alerts }) => alerts.map(({ name, status, labels }) => ({ name, status, labels })));
      assert.deepEqual(told, [], `alerts in ${minutes} quiet minutes`);
      return { minutes, notifications: told.length };
    };
    try {
      return await withLab(place, look, (stack) => ({
        ...stack,
        // Limits and intervals as a stack has them that says nothing of them.
        monitoring: { alerts: { webhooks: [webhookOf(place.subnet, receiver.port)] } },
      }));
    } finally {
      receiver.close();
    }
  },
};
