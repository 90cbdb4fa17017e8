/** The block-list while nft fails, and while etcd takes its time. What nft is told here, no kernel hears. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLog } from '#src/adapters/log.ts';
import { Blocklist } from '#src/agent/blocklist/concern.ts';
import { type BlockEntry, tombstoneMs } from '#src/agent/blocklist/entries.ts';
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
const txn = vi.fn(async () => ({ succeeded: true }));
let stored: BlockEntry;
const etcd = {
  order: () => ['https://127.0.0.1:1'],
  suspect: () => undefined,
  range: async () => ({ kvs: [{ value: JSON.stringify(stored) }], revision: 1 }),
  get: async () => undefined,
  txn,
  transport: { stream: () => Promise.reject(new Error('no stream')) },
};

let directory: string;
let blocklist: Blocklist;
let warnings: Warnings;
const files = () => ({ json: join(directory, 'list.json'), nft: join(directory, 'list.nft') });
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tandem-blocklist-'));
  const log = createLog(() => undefined, 'agent');
  warnings = new Warnings(log);
  const config = { blocklist: files(), peers: [], floatingAddresses: [], operators: [] };
  blocklist = new Blocklist({ config, log, etcd, warnings } as unknown as AgentContext);
  // Only what the agent waits with; the files below it take their time.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
});
afterEach(async () => {
  vi.useRealTimers();
  blocklist.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Its upkeep has been through, and waits. */
const rested = () => vi.waitUntil(() => vi.getTimerCount() === 1, { timeout: 5_000 });

it('hears what others block, and holds it as soon as nft works', async () => {
  stored = shared;
  nft.works = false;
  await expect(blocklist.start()).rejects.toThrow('nft ended with 1');
  vi.advanceTimersByTime(0);
  await rested();
  expect(blocklist.list()).toEqual([shared]);
  expect(warnings.list()).toEqual(['Block-list: nft ended with 1.']);

  nft.works = true;
  vi.advanceTimersByTime(30_000);
  vi.useRealTimers();
  await waitFor('the list to hold', () => warnings.list().length === 0, 5_000);
  expect(await readFile(files().nft, 'utf8')).toContain(shared.address);
});

it('keeps what is blocked while etcd is told what everybody may forget', async () => {
  stored = { ...shared, changedAtMs: Date.now(), removed: true };
  nft.works = true;
  await blocklist.start();
  vi.advanceTimersByTime(0);
  await rested();

  const deletion = Promise.withResolvers<{ succeeded: boolean }>();
  txn.mockImplementationOnce(() => deletion.promise);
  vi.setSystemTime(Date.now() + tombstoneMs);
  vi.advanceTimersByTime(30_000);
  expect(txn).toHaveBeenCalledOnce();
  const request = { address: '203.0.113.9', durationMs: null };
  await blocklist.block(request, { by: 'operator', address: '10.77.0.1' });
  deletion.resolve({ succeeded: true });
  await rested();
  expect(blocklist.list()).toMatchObject([{ address: '203.0.113.9' }]);
});
