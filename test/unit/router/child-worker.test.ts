import { expect, test } from 'vitest';
import { ChildWorker } from '#src/router/workers/child-worker.ts';
import type { WorkerStart } from '#src/router/workers/messages.ts';

const start = { slot: 3, limit: 5 } as unknown as WorkerStart;

/** What becomes of a worker whose process can't be made. */
async function startedWith(program: string, execPath: string) {
  const warnings: string[] = [];
  const log = { info: () => undefined, warn: (text: string) => warnings.push(text) };
  const { execPath: before } = process;
  process.execPath = execPath;
  let exits = 0;
  try {
    const events = {
      killElsewhere: async () => null,
      onHeld: () => undefined,
      onUnplaced: () => undefined,
      onExit: () => {
        exits++;
      },
    };
    const worker = new ChildWorker(program, start, events, log);
    const error = await worker.ready.catch((reason: Error) => reason);
    // What comes of it later comes now.
    await new Promise((resolve) => setTimeout(resolve, 100));
    worker.close();
    await expect(worker.drain({ timeoutMs: 1, quietMs: 1 })).resolves.toMatchObject({ cut: 0 });
    await expect(worker.ask('status', undefined as never)).rejects.toThrow('has ended');
    return { error: (error as Error).message, exits, warnings, held: worker.held };
  } finally {
    process.execPath = before;
  }
}

test.each([
  ['is not started', 'src/bin/router-worker.ts', '/nowhere/node', 'ENOENT'],
  ['is not even tried', 'src/bin/\0', process.execPath, 'null bytes'],
])('a process that %s is one that has ended', async (_how, program, execPath, why) => {
  const { error, exits, warnings, held } = await startedWith(program, execPath);
  expect(error).toContain('worker 3 ended');
  expect(error).toContain(why);
  expect(exits).toBe(1);
  expect(held).toBe(0);
  expect(warnings).toHaveLength(1);
});
