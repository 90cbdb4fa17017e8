/** How long the commands that look at a stack file take when it is large; nothing is brought up. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { loadStackFile } from '#src/adapters/stack-file.ts';
import { loadOrCreateMaterial } from '#src/provision/material/material.ts';
import type { StackFile } from '#src/spec/schema.ts';
import { expectCommand } from '#test/support/command.ts';
import { repository } from '#test/support/lab.ts';
import { type Evidence, type OwnPoint, type Place, type PointContext, summary } from './point.ts';

interface Counts {
  readonly runs: number;
  readonly sizes: readonly { readonly hosts: number; readonly goalMs: number }[];
}

/** One role per host. No stack has more web hosts than a connection id can tell routers apart (127). */
function largeStack(name: string, hosts: number): StackFile {
  const balancers = Math.min(20, Math.ceil(hosts / 20));
  const webs = Math.min(120, Math.floor(hosts * 0.8));
  const group = (prefix: string, count: number, role: 'balancer' | 'web' | 'database') =>
    Array.from({ length: count }, (_, index) => [
      `${prefix}-${index + 1}`,
      { roles: [role, ...(role !== 'web' && index < 2 ? (['quorum'] as const) : [])] },
    ]);
  const all = Object.fromEntries([
    ...group('lb', balancers, 'balancer'),
    ...group('web', webs, 'web'),
    ...group('db', hosts - balancers - webs, 'database'),
  ]) as StackFile['hosts'];
  // A quorum has an odd number of members.
  all['lb-2'] = { roles: ['balancer'] };
  return {
    stack: name,
    network: { subnet: '10.204.0.0/16' },
    hosts: all,
    web: { app: { directory: join(repository, 'examples/users'), command: ['node', 'server.ts'] } },
    database: { maxConnections: 5_000 },
  };
}

interface Cost {
  readonly wallMs: number;
  /** Of all processes of the command; what the wall clock would show with nobody else on the machine. */
  readonly cpuMs: number;
}

/** The whole command, its launcher included. */
async function costOf(...words: string[]): Promise<Cost> {
  const startedMs = performance.now();
  const script = '"$@" >/dev/null && times';
  const output = await expectCommand('sh', ['-c', script, 'sh', join(repository, 'tandem'), ...words]);
  const wallMs = performance.now() - startedMs;
  // sh(1): the second line of `times` is that of its children, user and system.
  const children = output.trim().split('\n').at(-1) ?? '';
  const cpuMs = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + (Number(minutes) * 60 + Number(seconds)) * 1_000,
    0,
  );
  return { wallMs, cpuMs };
}

const sum = (left: Cost, right: Cost): Cost => ({
  wallMs: left.wallMs + right.wallMs,
  cpuMs: left.cpuMs + right.cpuMs,
});

const costs = (list: readonly Cost[]) => ({
  wallMs: summary(list.map(({ wallMs }) => wallMs)),
  cpuMs: summary(list.map(({ cpuMs }) => cpuMs)),
});

async function measure(
  { name }: Place,
  { counts, atMost, log }: PointContext<Counts>,
  { hosts, goalMs }: Counts['sizes'][number],
): Promise<Evidence> {
  const directory = await mkdtemp(join(tmpdir(), 'tandem-large-'));
  const file = join(directory, 'tandem.yaml');
  try {
    await writeFile(file, stringify(largeStack(`${name}-${hosts}`, hosts)));
    const never: Cost[] = [];
    const known: Cost[] = [];
    const state = join(directory, 'state');
    const loaded = await loadStackFile(directory, file);
    // What a first `up` leaves: the second half of the measurement reads and checks every certificate.
    await loadOrCreateMaterial(state, loaded.spec, { specDirectory: directory });
    await costOf('validate', '--file', file);
    for (let run = 0; run < counts.runs; run += 1) {
      const check = await costOf('validate', '--file', file);
      const plan = (directory: string) => costOf('plan', '--file', file, '--state', directory);
      never.push(sum(check, await plan(join(directory, 'none'))));
      known.push(sum(check, await plan(state)));
      log(`${hosts} hosts: ${JSON.stringify([never.at(-1), known.at(-1)])}`);
    }
    const seen = { neverUp: costs(never), withMaterial: costs(known), goalMs };
    for (const { wallMs } of [seen.neverUp, seen.withMaterial]) {
      assert.ok(
        wallMs.median <= atMost(goalMs),
        `validate and plan of ${hosts} hosts: ${wallMs.median} ms (median): ${JSON.stringify(seen)}`,
      );
    }
    return seen;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export const largeStacks: OwnPoint<Counts> = {
  kind: 'own',
  id: 'hosts-6',
  title: 'validate and plan of a hundred hosts within 1 s, of a thousand within 10 s',
  inSuite: false,
  small: { runs: 1, sizes: [{ hosts: 100, goalMs: 1_000 }] },
  full: {
    runs: 7,
    sizes: [
      { hosts: 100, goalMs: 1_000 },
      { hosts: 1_000, goalMs: 10_000 },
    ],
  },
  async run(place, context) {
    const seen: Record<string, unknown> = {};
    for (const size of context.counts.sizes) seen[`hosts${size.hosts}`] = await measure(place, context, size);
    return seen;
  },
};
