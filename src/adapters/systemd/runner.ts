/** The services of this host through systemd, for its agent: what `SupervisorClient` is in the lab. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServiceStatus } from '#src/plan/observed.ts';
import { startedDirectory, unitDirectory, unitName, unitPrefix } from '#src/render/systemd.ts';
import { TandemError } from '#src/std/errors.ts';
import { run } from '../process/run.ts';
import { parseShow, unitProperties } from './units.ts';

type Action = 'start' | 'stop' | 'restart' | 'reload' | 'kill';

/** Longest wait for an action: starts may include the first initialisation of a database. */
const actionTimeoutMs = 300_000;

export class SystemdRunner {
  /** Rejects when systemd does not answer. */
  async services(timeoutMs = 5_000): Promise<readonly ServiceStatus[]> {
    const files = await readdir(unitDirectory);
    const units = files.filter((name) => name.startsWith(unitPrefix) && name.endsWith('.service')).sort();
    if (units.length === 0) return [];
    const words = ['systemctl', 'show', `--property=${unitProperties}`, ...units];
    const { code, stdout, stderr } = await run(words, { timeoutMs });
    if (code !== 0) throw new TandemError('systemd-failed', `systemctl show: ${stderr.trim()}`);
    const notes = await readNotes();
    return parseShow(stdout, {
      bootMs: Date.now() - Number(process.hrtime.bigint() / 1_000_000n),
      notes: (service) => ({
        definition: notes.get(`${service}.definition`),
        configuration: notes.get(`${service}.configuration`),
      }),
    });
  }

  /** Resolves when it is done (`start`, `restart`: ready); rejects with what systemctl says. `kill`: SIGKILL to the main process. */
  async control(service: string, action: Action, timeoutMs = actionTimeoutMs): Promise<void> {
    const unit = unitName(service);
    const words = action === 'kill' ? ['kill', '--signal=KILL', '--kill-whom=main', unit] : [action, unit];
    const { code, stderr } = await run(['systemctl', ...words], { timeoutMs });
    if (code === 0) return;
    throw new TandemError('service-failed', `${service}: ${action}: ${stderr.trim().split('\n')[0]}`);
  }
}

async function readNotes(): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(startedDirectory).catch(() => []);
  const texts = names.map(async (name) => {
    const text = await readFile(join(startedDirectory, name), 'utf8').catch(() => '');
    return [name, text.trim()] as const;
  });
  return new Map(await Promise.all(texts));
}
