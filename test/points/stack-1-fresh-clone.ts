import assert from 'node:assert/strict';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import type { StackFile } from '#src/spec/schema.ts';
import { expectCommand } from '#test/support/command.ts';
import { membersOf, queryLocally } from '#test/support/database.ts';
import { Lab, type Launcher, repository } from '#test/support/lab.ts';
import { own } from '#test/support/leftovers.ts';
import { PristineMachine } from '#test/support/pristine.ts';
import { waitFor } from '#test/support/wait.ts';
import type { Evidence, OwnPoint, Place } from './point.ts';

interface Counts {
  /** In a Debian system that has git, Node.js and npm, and nothing of the data plane. */
  readonly pristine: boolean;
}

/** The clone's own stack file under another name and network, so that it stands beside other labs. */
async function writeStack(clone: string, place: Place): Promise<StackFile> {
  const own = parse(await readFile(join(clone, 'tandem.yaml'), 'utf8')) as StackFile;
  const stack = { ...own, stack: place.name, network: { ...own.network, subnet: place.subnet } };
  await writeFile(join(clone, 'fresh.yaml'), stringify(stack));
  return stack;
}

/** What a user does after `up`: looks at the page, adds somebody; and what an operator sees on the replica. */
async function useIt(lab: Lab, caFile: string): Promise<Evidence> {
  const { site, healthy } = await lab.status();
  assert.equal(healthy, true);
  const url = `https://${site.address}/`;
  const page = await expectCommand('curl', ['-sSf', '--cacert', caFile, url]);
  assert.match(page, /<!doctype html>/i);
  const email = `fresh-${Date.now()}@example.org`;
  const added = await lab.fetch('/api/users', { method: 'POST', body: { name: 'Fresh', email } });
  assert.equal(added.status, 201, added.body);
  const { primary, replica } = await membersOf(lab);
  const schema = lab.stack.database?.schema;
  // In a statement that reads a table as well, MariaDB 10.11 shows read_only as 0.
  const sql = `SELECT @@hostname, @@read_only; SELECT COUNT(*) FROM ${schema}.users WHERE email = '${email}'`;
  const isThere = async () => {
    const { stdout, stderr, code } = await queryLocally(lab, replica.host, sql);
    if (code !== 0) throw new Error(stderr);
    return stdout.trim().endsWith('\n1') && stdout.trim();
  };
  const row = await waitFor(`the user on the replica, ${replica.host}`, isThere, 5_000);
  assert.match(row, /\t1\n1$/, 'the replica is not read-only');
  return { page: `${page.length} bytes`, primary: primary.host, replica: replica.host, rowOnReplica: row };
}

async function cloneAndUse(place: Place): Promise<Evidence> {
  const directory = await mkdtemp(join(tmpdir(), 'tandem-fresh-'));
  const clone = join(directory, 'tandem');
  await expectCommand('git', ['clone', '--quiet', repository, clone]);
  await own(clone);
  const stack = await writeStack(clone, place);
  const launcher: Launcher = { command: [join(clone, 'tandem')], root: '/', file: join(clone, 'fresh.yaml') };
  const lab = Lab.of(stack, directory, launcher);
  try {
    const startedMs = performance.now();
    await lab.expect('up');
    const upMs = Math.round(performance.now() - startedMs);
    return { upWithNpmPackagesMs: upMs, ...(await useIt(lab, (await lab.status()).site.caFile)) };
  } finally {
    await lab.close();
  }
}

async function onPristineMachine(place: Place, log: (line: string) => void): Promise<Evidence> {
  const machine = await PristineMachine.make(log);
  try {
    const clone = '/root/tandem';
    await machine.expect('git', 'clone', '--quiet', '/repository', clone);
    const stack = await writeStack(machine.path(clone), place);
    const packagesBefore = await machine.packages();
    const launcher: Launcher = {
      command: machine.words(`${clone}/tandem`),
      root: machine.root,
      file: `${clone}/fresh.yaml`,
    };
    const lab = Lab.of(stack, await mkdtemp(join(tmpdir(), 'tandem-pristine-')), launcher);
    try {
      const startedMs = performance.now();
      log(await lab.expect('up'));
      const upSeconds = Math.round((performance.now() - startedMs) / 1_000);
      const used = await useIt(lab, machine.path((await lab.status()).site.caFile));
      const added = (await machine.packages()).filter((name) => !packagesBefore.includes(name));
      const strangers = machine.strangers();
      assert.deepEqual(strangers, [], 'processes that the packages started by themselves');
      return {
        upWithEveryPackageSeconds: upSeconds,
        debianPackagesInstalled: added.length,
        strangers,
        ...used,
      };
    } finally {
      await lab.close();
    }
  } finally {
    await machine.close();
  }
}

export const freshClone: OwnPoint<Counts> = {
  kind: 'own',
  id: 'stack-1',
  title: 'A fresh clone: one command, the site answers, a user is written and read back from the replica',
  small: { pristine: false },
  full: { pristine: true },
  run: (place, { counts, log }) => (counts.pristine ? onPristineMachine(place, log) : cloneAndUse(place)),
};
