import assert from 'node:assert/strict';
import { Progress } from '#src/cli/progress.ts';
import { installPackages } from '#src/provision/packages/install.ts';
import { removeDirectories } from '#test/real/mariadb/server.ts';
import { clients } from '../conformance/clients.ts';
import { type Comparison, compare } from '../conformance/compare.ts';
import { corpus, sizeOf } from '../conformance/corpus.ts';
import { exceptions, leftOut } from '../conformance/exceptions.ts';
import { Sides } from '../conformance/servers.ts';
import { script } from '../conformance/step.ts';
import { changes, Tampering } from '../conformance/tampering.ts';
import type { Evidence, OwnPoint } from './point.ts';

interface Counts {
  readonly clients: readonly string[];
  /** Scripts by name; all when left out. */
  readonly scripts?: readonly string[];
  readonly leastStatements: number;
}

/** One answer of every kind that a change can be made to. */
const kinds = script(
  'control',
  'CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, s VARCHAR(3))',
  "INSERT INTO t (s) VALUES ('a'), ('b')",
  "INSERT IGNORE INTO t (s) VALUES ('much')",
  'SELECT id, s FROM t ORDER BY id',
  'SELECT no_such FROM t',
  'SET NAMES latin1',
);

/** Every change to what the router answers must be seen, by packets and by a client: or nothing above is worth much. */
async function control(sides: Sides): Promise<Record<string, Record<string, number>>> {
  const seen: Record<string, Record<string, number>> = {};
  for (const [what, change] of Object.entries(changes)) {
    const { relay, port } = await Tampering.before(sides.routed.port, change);
    await using _ = relay;
    const routed = { ...sides.routed, port };
    const found: Record<string, number> = {};
    for (const client of clients.filter(({ name }) => ['wire, tracking', 'mysql2'].includes(name))) {
      const { differences } = await compare(client, [kinds], { direct: sides.direct, routed });
      assert.ok(differences.length > 0, `${client.name} did not see that this was changed: ${what}`);
      found[client.name] = differences.length;
    }
    seen[what] = found;
  }
  return seen;
}

function check({ client, answers, errors, differences }: Comparison): void {
  assert.ok(answers > 0, `${client} answered nothing`);
  // About a tenth of the corpus is errors on purpose. A runner that is broken gets the same error from both sides.
  const share = errors / answers;
  assert.ok(share > 0.02 && share < 0.4, `${client}: ${errors} of ${answers} answers were errors`);
  const told = differences.slice(0, 5).map((difference) => JSON.stringify(difference, undefined, 2));
  assert.equal(differences.length, 0, `${client}: ${differences.length} differences\n${told.join('\n')}`);
}

export const conformance: OwnPoint<Counts> = {
  kind: 'own',
  id: 'router-1',
  title:
    'Differential conformance: the same through the router as directly, for every client: results, metadata, warnings, ' +
    'affected rows, insert ids, errors, and the packets themselves',
  small: {
    clients: ['wire, old', 'mysql2'],
    scripts: [
      'types/INT: reads',
      'types/VARCHAR(10): writes',
      'statements/parameter datetime',
      'statements/cursors',
      'session/schemas',
      'session/KILL',
      'transactions/READ ONLY',
      'routines/compound statements',
      'messages/comments',
      'features/RETURNING',
    ],
    leastStatements: 150,
  },
  full: { clients: clients.map(({ name }) => name), leastStatements: 1_500 },
  async run(_place, { counts, log }): Promise<Evidence> {
    const scripts = corpus.filter(({ name }) => counts.scripts?.includes(name) ?? true);
    const size = sizeOf(scripts);
    assert.ok(size.distinct >= counts.leastStatements, `only ${size.distinct} different statements`);
    const chosen = clients.filter(({ name }) => counts.clients.includes(name));
    await installPackages(
      chosen.flatMap(({ packages = [] }) => packages),
      new Progress(),
    );
    const sides = await Sides.start();
    try {
      const seen: object[] = [];
      const all: Comparison[] = [];
      for (const client of chosen) {
        const before = await sides.selects();
        const comparison = await compare(client, scripts, sides);
        const after = await sides.selects();
        const { answers, errors, differences } = comparison;
        const selectsOnReplica = after.replica - before.replica;
        const selectsOnPrimary = after.primary - before.primary;
        const row = { client: client.name, answers, errors, differences: differences.length };
        seen.push({ ...row, selectsOnPrimary, selectsOnReplica });
        all.push(comparison);
        log(JSON.stringify(seen.at(-1)));
        for (const difference of differences.slice(0, 5)) log(JSON.stringify(difference, undefined, 2));
        assert.ok(selectsOnReplica > 0, `${client.name}: no read went to the replica`);
      }
      for (const comparison of all) check(comparison);
      const seenChanges = await control(sides);
      return {
        corpus: size,
        clients: seen,
        control: seenChanges,
        exceptions: [...exceptions.map(({ reason }) => reason), ...leftOut],
      };
    } finally {
      await sides.close();
      removeDirectories();
    }
  },
};
