/** The lock of this machine: one command at a time, also where the one before was killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withStackLock } from '#src/provision/lock.ts';
import { sleep } from '#test/support/wait.ts';

let state = '';
const path = () => join(state, 'lock.json');
const dead = { pid: 1, startTicks: 'none', command: 'up' };

beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'tandem-local-lock-'));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

it('is there while a command works, says whose it is, and goes with it', async () => {
  await withStackLock(state, 'deploy', async () => {
    expect(JSON.parse(readFileSync(path(), 'utf8'))).toMatchObject({ pid: process.pid, command: 'deploy' });
    await expect(withStackLock(state, 'up', async () => undefined)).rejects.toMatchObject({
      code: 'stack-busy',
      message: `'tandem deploy' (process ${process.pid}) is working on this stack.`,
    });
  });
  expect(readdirSync(state)).toEqual([]);
});

it.each([
  ['of nobody', undefined],
  ['of a dead command', JSON.stringify({ ...dead, id: 'a' })],
  ['of a dead command of an earlier version', JSON.stringify(dead)],
])('%s is given to one of many that want it', async (_of, left) => {
  for (let round = 0; round < 10; round += 1) {
    if (left !== undefined) writeFileSync(path(), left);
    let inside = 0;
    let most = 0;
    const wants = Array.from({ length: 12 }, () =>
      withStackLock(state, 'up', async () => {
        inside += 1;
        most = Math.max(most, inside);
        await sleep(5);
        inside -= 1;
      }),
    );
    const results = await Promise.allSettled(wants);
    expect(most).toBe(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'stack-busy' });
    expect(readdirSync(state)).toEqual([]);
  }
});

it('of a killed process is taken over', async () => {
  const holds = `
    import { withStackLock } from '#src/provision/lock.ts';
    await withStackLock(process.argv[1], 'up', () => {
      console.log('held');
      return new Promise((resolve) => setTimeout(resolve, 60_000));
    });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', holds, state], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  try {
    await once(child.stdout, 'data');
    await expect(withStackLock(state, 'up', async () => undefined)).rejects.toThrow(`(process ${child.pid})`);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
  expect(existsSync(path())).toBe(true);
  expect(await withStackLock(state, 'up', async () => 'worked')).toBe('worked');
});

it('that says nothing is left to the user', async () => {
  writeFileSync(path(), '');
  await expect(withStackLock(state, 'up', async () => undefined)).rejects.toMatchObject({
    code: 'stack-busy',
    hint: expect.stringContaining('remove that file'),
  });
  expect(existsSync(path())).toBe(true);
});

it('of somebody who came after it was removed by hand stays', async () => {
  await withStackLock(state, 'up', async () => {
    rmSync(path());
    writeFileSync(path(), JSON.stringify({ ...dead, id: 'b' }));
  });
  expect(existsSync(path())).toBe(true);
});
