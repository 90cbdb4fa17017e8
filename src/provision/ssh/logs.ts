/** Shows what services of servers wrote: what `journalctl -u tandem-SERVICE` shows there. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { unitPrefix } from '#src/render/systemd.ts';
import { TandemError } from '#src/std/errors.ts';
import type { LogSelection } from '../infrastructure.ts';
import type { SshHost } from './host.ts';

export async function showServerLogs(hosts: readonly SshHost[], selection: LogSelection): Promise<void> {
  const found = await Promise.all(
    hosts.map(async (host) => (await servicesOf(host)).map((service) => ({ host, service }))),
  );
  const logs = found.flat().filter(({ service }) => [undefined, service].includes(selection.service));
  if (logs.length === 0) {
    const what = selection.service === undefined ? 'No logs' : `No log of a service '${selection.service}'`;
    throw new TandemError('no-logs', `${what} on ${hosts.map(({ host }) => host).join(', ')}.`, {
      hint: "'tandem status' lists the services; a stack that was never up has no logs.",
    });
  }
  const width = Math.max(...logs.map(({ host, service }) => host.host.length + 1 + service.length));
  const shows = logs.map(
    ({ host, service }) =>
      () =>
        show(host, service, selection, `${`${host.host} ${service}`.padEnd(width)} | `),
  );
  if (selection.follow) await Promise.all(shows.map((run) => run()));
  else for (const run of shows) await run();
}

async function servicesOf(host: SshHost): Promise<readonly string[]> {
  return (await host.services()).map(({ name }) => name);
}

async function show(
  host: SshHost,
  service: string,
  { lines, follow }: LogSelection,
  prefix: string,
): Promise<void> {
  const words = ['journalctl', '--no-pager', '--quiet', '--output=cat', `--lines=${lines}`];
  const unit = `--unit=${unitPrefix}${service}`;
  const [program, ...rest] = await host.client.attached(
    [...words, unit, ...(follow ? ['--follow'] : [])],
    false,
  );
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'ignore'] });
  createInterface({ input: child.stdout }).on('line', (line) => process.stdout.write(`${prefix}${line}\n`));
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve());
  });
}
