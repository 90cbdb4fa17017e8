/** The block-list while nft fails. What nft is told here, no kernel hears. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { createLog } from '#src/adapters/log.ts';
import { Blocklist } from '#src/agent/blocklist/concern.ts';
import type { BlockEntry } from '#src/agent/blocklist/entries.ts';
import { type AgentContext, Warnings } from '#src/agent/context.ts';
import { waitFor } from '#test/support/wait.ts';

const nft = vi.hoisted(() => ({ works: false }));
vi.mock('#src/adapters/process/run.ts', () => ({
  run: async () => ({ code: 0, stdout: '', stderr: '' }),
  runChecked: async () => {
    if (!nft.works) throw new Error('nft ended with 1');
    return '';
  },
}));

const shared: BlockEntry = {
  address: '203.0.113.5',
  untilMs: null,
  reason: '',
  by: 'operator',
  createdAtMs: 1,
  changedAtMs: 1,
  removed: false,
};
const etcd = {
  order: () => ['https://127.0.0.1:1'],
  suspect: () => undefined,
  range: async () => ({ kvs: [{ value: JSON.stringify(shared) }], revision: 1 }),
  transport: { stream: () => Promise.reject(new Error('no stream')) },
};

afterEach(() => vi.useRealTimers());

it('hears what others block, and holds it as soon as nft works', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tandem-blocklist-'));
  const log = createLog(() => undefined, 'agent');
  const warnings = new Warnings(log);
  const files = { json: join(directory, 'list.json'), nft: join(directory, 'list.nft') };
  const context = { config: { blocklist: files }, log, etcd, warnings } as unknown as AgentContext;
  const blocklist = new Blocklist(context);
  // Only what the agent waits with; the files below it take their time.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    await expect(blocklist.start()).rejects.toThrow('nft ended with 1');
    vi.advanceTimersByTime(0);
    // Its upkeep has been through, and waits.
    await vi.waitUntil(() => vi.getTimerCount() === 1, { timeout: 5_000 });
    expect(blocklist.list()).toEqual([shared]);
    expect(warnings.list()).toEqual(['Block-list: nft ended with 1.']);

    nft.works = true;
    vi.advanceTimersByTime(30_000);
    vi.useRealTimers();
    await waitFor('the list to hold', () => warnings.list().length === 0, 5_000);
    expect(await readFile(files.nft, 'utf8')).toContain(shared.address);
  } finally {
    blocklist.stop();
    await rm(directory, { recursive: true, force: true });
  }
});
