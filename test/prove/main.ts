/**
 * `npm run prove -- POINT [--small] [--log]`: one promise at its full count; its evidence goes to docs/evidence/.
 * `--network 10.203`: labs in other networks than another run's on the same machine.
 * `npm run prove -- --list` names the points. Exit codes: 0 shown, 1 not shown, 2 no such point.
 */
import { join, relative } from 'node:path';
import { inspect, parseArgs, styleText } from 'node:util';
import { anyPoints, runPoint } from '#test/points/all.ts';
import type { Place } from '#test/points/point.ts';
import { referenceStack, repository } from '#test/support/lab.ts';
import { removeLeftovers } from '#test/support/leftovers.ts';
import { type Result, writeEvidence } from './evidence.ts';

/** Each point its own lab (and the next network, for a second one), so that points may run at the same time. */
function placeOf(index: number, network: string | undefined): Place {
  const name = network === undefined ? 'prove' : `prove-${network.replaceAll('.', '-')}`;
  return { name: `${name}-${index + 1}`, subnet: `${network ?? '10.202'}.${2 * (index + 1)}.0/24` };
}

function list(): void {
  for (const { id, title } of anyPoints) console.log(`${id.padEnd(30)} ${title}`);
}

interface Options {
  readonly small: boolean;
  readonly log: boolean;
  readonly network: string | undefined;
}

async function prove(id: string, options: Options): Promise<boolean> {
  const startedMs = performance.now();
  const elapsed = () => (performance.now() - startedMs) / 1_000;
  const size = options.small ? 'small' : 'full';
  const log = (line: string) => {
    if (options.log) console.error(`${elapsed().toFixed(1).padStart(7)} s  ${line}`);
  };
  const point = anyPoints.find((candidate) => candidate.id === id);
  if (point === undefined) throw new Error(`no point ${id}`);
  console.log(`${id}: ${point.title}`);
  let seen: unknown = null;
  let failure: string | null = null;
  try {
    seen = await runPoint(id, size, placeOf(anyPoints.indexOf(point), options.network), log);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
    if (options.log && error instanceof Error) console.error(error.stack);
  }
  const result: Result = {
    id,
    title: point.title,
    passed: failure === null,
    failure,
    counts: point[size],
    seen,
    durationSeconds: Math.round(elapsed() * 10) / 10,
  };
  // A small run is a rehearsal: the evidence is of the full counts.
  const path = options.small ? undefined : await writeEvidence(result);
  report(result, path);
  return result.passed;
}

function report(result: Result, path: string | undefined): void {
  console.log(`counts: ${inspect(result.counts, { breakLength: Number.POSITIVE_INFINITY })}`);
  if (result.seen !== null) console.log(inspect(result.seen, { depth: 6, breakLength: 110 }));
  if (result.failure !== null) console.log(result.failure);
  const verdict = result.passed ? styleText('green', 'shown') : styleText('red', 'NOT SHOWN');
  const where = path === undefined ? '' : `; evidence in ${relative(repository, path)}`;
  console.log(`${result.id}: ${verdict} in ${result.durationSeconds} s${where}`);
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean' },
    small: { type: 'boolean' },
    log: { type: 'boolean' },
    network: { type: 'string' },
  },
});
if (values.list === true) {
  list();
} else {
  const known = new Set<string>(anyPoints.map(({ id }) => id));
  const unknown = positionals.filter((id) => !known.has(id));
  if (positionals.length === 0 || unknown.length > 0) {
    console.error(
      unknown.length > 0 ? `There is no point ${unknown.join(', ')}. The points:` : 'Name a point:',
    );
    list();
    process.exitCode = 2;
  } else {
    await removeLeftovers(join(repository, 'tandem'), referenceStack);
    for (const id of positionals) {
      const shown = await prove(id, {
        small: values.small === true,
        log: values.log === true,
        network: values.network,
      });
      if (!shown) process.exitCode = 1;
    }
  }
}
