import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Lab } from '#test/support/lab.ts';
import { Ledger } from '#test/support/ledger/ledger.ts';
import { whatAgentsDid } from '#test/support/ledger/strike.ts';
import { sleep } from '#test/support/wait.ts';
import type { Evidence, LabPoint } from './point.ts';

interface Counts {
  readonly seconds: number;
}

const members = ['server-1', 'server-2'];

async function epochs(lab: Lab): Promise<readonly { epoch: number; holder: string; sentence: string }[]> {
  return JSON.parse(await lab.expect('db', 'history', '--json')) as {
    epoch: number;
    holder: string;
    sentence: string;
  }[];
}

/** A link that comes and goes every second. */
export const flapping: LabPoint<Counts> = {
  kind: 'lab',
  id: 'failover-3-flapping',
  title: 'A link that goes up and down every second: at most two failovers, and the reason why not more',
  inSuite: false,
  small: { seconds: 12 },
  full: { seconds: 120 },
  async run(lab, { counts, log }): Promise<Evidence> {
    const ledger = await Ledger.create(lab);
    const before = (await epochs(lab)).length;
    const host = (await lab.healthy()).database.primary ?? '';
    const other = members.find((name) => name !== host) ?? '';
    const held = new Set<string>();
    try {
      await ledger.write([other]);
      for (let second = 0; second < counts.seconds; second += 2) {
        await lab.fault('link-down', host);
        await sleep(1_000);
        await lab.fault('link-up', host);
        const { stdout } = await lab.run('logs', other, 'agent', '--lines', '30');
        for (const [sentence] of stdout.matchAll(/the primary changed \d+ times lately: held/g))
          held.add(sentence);
        await sleep(1_000);
      }
    } finally {
      await lab.fault('link-up', host);
    }
    await lab.healthy(90_000);
    await ledger.check(members);
    const failovers = (await epochs(lab)).length - before;
    log(`${failovers} failovers in ${counts.seconds} s`);
    assert.ok(failovers <= 2, `${failovers} failovers`);
    return { seconds: counts.seconds, failovers, held: [...held] };
  },
};

/** Both cores and the disk busy with other things. */
export const saturated: LabPoint<Counts> = {
  kind: 'lab',
  id: 'failover-3-saturated',
  title: 'Both cores and the disk saturated: no failover',
  inSuite: false,
  small: { seconds: 10 },
  full: { seconds: 600 },
  async run(lab, { counts, log }): Promise<Evidence> {
    const before = (await epochs(lab)).length;
    const directory = await mkdtemp(join(tmpdir(), 'tandem-saturated-'));
    const load: ChildProcess[] = [];
    const startedAt = new Date().toISOString();
    const start = (command: string, words: readonly string[]) =>
      load.push(spawn('timeout', [String(counts.seconds + 30), command, ...words], { stdio: 'ignore' }));
    try {
      for (let core = 0; core < 4; core += 1) start('sh', ['-c', 'while :; do :; done']);
      const file = join(directory, 'file');
      start('sh', [
        '-c',
        `while :; do dd if=/dev/zero of=${file} bs=1M count=256 conv=fsync 2>/dev/null; done`,
      ]);
      const until = performance.now() + counts.seconds * 1_000;
      while (performance.now() < until) {
        await sleep(10_000);
        if ((await epochs(lab)).length === before) continue;
        log(await whatAgentsDid(lab, startedAt));
        break;
      }
    } finally {
      for (const child of load) child.kill('SIGTERM');
      await sleep(500);
      await rm(directory, { recursive: true, force: true });
    }
    await lab.healthy(60_000);
    const failovers = (await epochs(lab)).length - before;
    log(`${failovers} failovers in ${counts.seconds} s`);
    assert.equal(failovers, 0);
    return { seconds: counts.seconds, failovers };
  },
};
