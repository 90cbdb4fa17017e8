/** Alertmanager with the rendered routes: an alert reaches webhook and mail, and so does its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { alertmanagerConfiguration } from '#src/render/monitoring/alertmanager.ts';
import { monitoringOf } from '#src/topology/monitoring.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';
import { freePort } from '#test/support/free-ports.ts';
import { Mailbox } from '#test/support/mailbox.ts';
import { waitFor } from '#test/support/wait.ts';
import { WebhookReceiver } from '#test/support/webhook.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** The rendered configuration, in a hurry: only its pauses are others. */
function configuration(webhookPort: number, mailPort: number): string {
  const spec = referenceSpec({
    monitoring: {
      alerts: {
        webhooks: [{ url: `http://127.0.0.1:${webhookPort}/` }],
        email: {
          to: ['ops@example.org', 'night@example.org'],
          from: 'tandem@example.org',
          smtp: `127.0.0.1:${mailPort}`,
          tls: false,
        },
      },
    },
  });
  const monitoring = monitoringOf(spec);
  if (monitoring === undefined) throw new Error('the reference stack has monitoring');
  const { route, ...rest } = alertmanagerConfiguration(monitoring);
  return stringify({ ...rest, route: { ...route, group_wait: '100ms', group_interval: '1s' } });
}

async function start(text: string): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'tandem-alertmanager-'));
  cleanups.push(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'alertmanager.yml'), text);
  const port = await freePort();
  const child: ChildProcess = spawn(
    'prometheus-alertmanager',
    [
      `--config.file=${join(directory, 'alertmanager.yml')}`,
      `--storage.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  cleanups.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
  await waitFor('Alertmanager', async () => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok, 60_000);
  return port;
}

async function tell(port: number, alerts: readonly object[]): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(alerts),
  });
  expect(answer.status).toBe(200);
}

const alert = (alertname: string, instance: string, ended: boolean) => ({
  labels: { alertname, instance, severity: 'critical', stack: 'users' },
  annotations: { summary: `${alertname} of ${instance}`, description: 'x', action: 'y' },
  ...(ended ? { endsAt: new Date().toISOString() } : {}),
});

it('tells a webhook and two mailboxes of an alert and of its end; what a dead host explains is not told', {
  timeout: 120_000,
}, async () => {
  const [webhook, mailbox] = [await WebhookReceiver.listen(), await Mailbox.listen()];
  cleanups.push(
    () => webhook.close(),
    () => mailbox.close(),
  );
  const port = await start(configuration(webhook.port, mailbox.port));
  await tell(port, [alert('HostDown', 'lb-2', false)]);
  const told = (status: 'firing' | 'resolved') => webhook.told('HostDown', status, 0).length;
  const mails = (to: string, word: string) =>
    mailbox.mails.filter((mail) => mail.to.includes(to) && mail.text.includes(word));
  await waitFor('the alert at the webhook', () => told('firing') > 0, 60_000);
  for (const to of ['ops@example.org', 'night@example.org'])
    await waitFor(`a mail to ${to}`, () => mails(to, 'HostDown').length > 0, 60_000);
  // Explained by the dead host, and one that is not.
  await tell(port, [alert('TargetDown', 'lb-2', false), alert('TargetDown', 'lb-1', false)]);
  await waitFor('the other alert', () => webhook.told('TargetDown', 'firing', 0).length > 0, 60_000);
  const instances = webhook.told('TargetDown', 'firing', 0).map(({ labels }) => labels['instance']);
  expect(new Set(instances)).toEqual(new Set(['lb-1']));
  await tell(port, [alert('HostDown', 'lb-2', true)]);
  await waitFor('its end at the webhook', () => told('resolved') > 0, 60_000);
  await waitFor('its end by mail', () => mails('ops@example.org', 'Resolved').length > 0, 60_000);
});
