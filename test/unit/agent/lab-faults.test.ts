/** A service that is frozen in a lab wakes, also when the agent that froze it is gone. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { processEntry } from '#src/adapters/process/table.ts';
import type { AgentContext } from '#src/agent/context.ts';
import { LabFaults } from '#src/agent/lab/faults.ts';

let dataDirectory: string;
let pid: number;
let context: AgentContext;

beforeEach(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), 'tandem-faults-'));
  pid = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' }).pid as number;
  const runner = { services: async () => [{ name: 'mariadb', pid }] };
  context = { config: { dataDirectory }, runner } as unknown as AgentContext;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(async () => {
  vi.useRealTimers();
  process.kill(pid, 'SIGKILL');
  await rm(dataDirectory, { recursive: true });
});

const isFrozen = () => processEntry(pid)?.state === 'T';

it('when its time is over', async () => {
  const faults = new LabFaults(context);
  await faults.start();
  await faults.inject({ kind: 'freeze', service: 'mariadb' });
  await expect.poll(isFrozen).toBe(true);
  vi.advanceTimersByTime(120_000);
  await expect.poll(isFrozen).toBe(false);
  expect(faults.list()).toEqual([]);
});

it('when another agent starts', async () => {
  await new LabFaults(context).inject({ kind: 'freeze', service: 'mariadb' });
  await expect.poll(isFrozen).toBe(true);
  await new LabFaults(context).start();
  await expect.poll(isFrozen).toBe(false);
  expect(await readdir(dataDirectory)).toEqual([]);
});
