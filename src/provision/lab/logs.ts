/** Shows what services wrote: `tail` over the lab's log files, which rotate by truncation and keep their names. */
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TandemError } from '#src/std/errors.ts';
import type { LogSelection } from '../infrastructure.ts';

export interface LogSource {
  readonly host: string;
  /** The directory that the host sees as /var/log/tandem. */
  readonly directory: string;
}

export async function showLogs(sources: readonly LogSource[], selection: LogSelection): Promise<void> {
  const logs = (await Promise.all(sources.map((source) => findLogs(source, selection.service)))).flat();
  if (logs.length === 0) {
    const what = selection.service === undefined ? 'No logs' : `No log of a service '${selection.service}'`;
    throw new TandemError('no-logs', `${what} on ${sources.map(({ host }) => host).join(', ')}.`, {
      hint: "'tandem status' lists the services; a stack that was never up has no logs.",
    });
  }
  const width = Math.max(...logs.map((log) => log.label.length));
  const tails = logs.map((log) => tail(log.file, selection, `${log.label.padEnd(width)} | `));
  if (selection.follow) await Promise.all(tails.map((run) => run()));
  else for (const run of tails) await run();
}

interface Log {
  readonly label: string;
  readonly file: string;
}

async function findLogs(
  { host, directory }: LogSource,
  service: string | undefined,
): Promise<readonly Log[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => name.endsWith('.log'))
    .map((name) => name.slice(0, -'.log'.length))
    .filter((name) => service === undefined || name === service)
    .sort()
    .map((name) => ({ label: `${host} ${name}`, file: join(directory, `${name}.log`) }));
}

/** `tail -F` follows a file that is truncated or replaced. */
function tail(file: string, selection: LogSelection, prefix: string): () => Promise<void> {
  return () => {
    const words = ['-n', String(selection.lines), ...(selection.follow ? ['-F'] : []), '--', file];
    const child = spawn('tail', words, { stdio: ['ignore', 'pipe', 'ignore'] });
    createInterface({ input: child.stdout }).on('line', (line) => process.stdout.write(`${prefix}${line}\n`));
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', () => resolve());
    });
  };
}
