/**
 * `npm run bench:http [-- --rounds N --seconds N]`: the rendered HAProxy configuration beside a minimal HAProxy, nginx
 * and Caddy, interleaved over the same two backends. Writes docs/evidence/bench-http.json and the HTTP section of
 * docs/benchmarks.md. Exit code 1 when Tandem falls below 0.95 of the minimal HAProxy, or a request failed.
 */
import { parseArgs } from 'node:util';
import { loadOrCreateMaterial } from '#src/provision/material/material.ts';
import { parseStack } from '#src/spec/parse.ts';
import { hostsWithRole } from '#src/spec/spec.ts';
import { writeEvidence } from '#test/prove/evidence.ts';
import { referenceStack } from '#test/support/lab.ts';
import {
  type Balancer,
  type Bench,
  backendServers,
  caddy,
  certificateFiles,
  minimalHaproxy,
  nginx,
  tandem,
} from './configurations.ts';
import { type Client, connections, measure } from './measure.ts';
import { type Row, rowsOf, type Sample, writeTable } from './report.ts';
import { World } from './world.ts';

const clients: readonly Client[] = ['TLS HTTP/1.1', 'TLS HTTP/2', 'plain HTTP/1.1'];
const least = 0.95;

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '4' } },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

function benchSpec() {
  const parsed = parseStack(referenceStack('bench', '10.203.1.0/24'));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.spec;
}

async function startAll(world: World, bench: Bench): Promise<readonly Balancer[]> {
  await world.write(certificateFiles(bench));
  for (const { files, command } of backendServers(bench)) {
    await world.write(files);
    world.start(command);
  }
  const balancers = [
    tandem(bench, 4441, 8081),
    minimalHaproxy(bench, 4442, 8082),
    nginx(bench, 4443, 8083),
    caddy(bench, 4444, 8084),
  ];
  // What `Service.directories` names; the supervisor would make them.
  const run = 'tandem/run/tandem/haproxy';
  await world.write([`${run}/.keep`, `${run}/empty/.keep`].map((path) => ({ path, content: '' })));
  for (const balancer of balancers) {
    await world.write(balancer.files);
    world.start(balancer.command, balancer.environment);
    await world.waitForAnswer(`https://127.0.0.1:${balancer.tlsPort}/small.html`);
  }
  return balancers;
}

async function runRounds(world: World, balancers: readonly Balancer[]): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const client of clients) {
      // Another first one in each round: none has always the same neighbour.
      const order = [
        ...balancers.slice(round % balancers.length),
        ...balancers.slice(0, round % balancers.length),
      ];
      for (const balancer of order) {
        const seen = await measure(world, balancer, client, '127.0.0.1', seconds);
        samples.push({ balancer: balancer.name, client, round, ...seen });
      }
    }
    console.error(`round ${round + 1} of ${rounds} done`);
  }
  return samples;
}

async function main(): Promise<void> {
  const startedMs = performance.now();
  const spec = benchSpec();
  const { rateLimit } = spec.balancer;
  console.log(
    `balancer.rateLimit is raised to ${JSON.stringify(rateLimit)} (default 200 requests per second and address)`,
  );
  const addresses = hostsWithRole(spec, 'web').map(({ address }) => `${address}/24`);
  const world = await World.open('bench-http', addresses);
  let rows: readonly Row[];
  let samples: readonly Sample[];
  try {
    const material = await loadOrCreateMaterial(`${world.directory}/state`, spec);
    const balancers = await startAll(world, { spec, material, directory: world.directory });
    samples = await runRounds(world, balancers);
    rows = rowsOf(samples, clients);
  } finally {
    await world.close();
  }
  console.table(
    rows.map(({ client, balancer, requestsPerSecond, p99Ms, ratio }) => ({
      client,
      balancer,
      requestsPerSecond,
      p99Ms,
      ratio,
    })),
  );
  const failures = rows.flatMap((row) => [
    ...(row.failed > 0 ? [`${row.failed} requests failed with ${row.balancer}, ${row.client}`] : []),
    ...(row.balancer.startsWith('Tandem') && row.ratio < least
      ? [`${row.client}: ${row.ratio} of the minimal HAProxy, at least ${least}`]
      : []),
  ]);
  const counts = { rounds, seconds, connections, rateLimit };
  const path = await writeEvidence(
    {
      id: 'bench-http',
      title: 'Requests per second and p99 through the rendered HAProxy configuration, side by side',
      passed: failures.length === 0,
      failure: failures.length === 0 ? null : failures.join('; '),
      counts,
      seen: { rows, samples },
      durationSeconds: Math.round((performance.now() - startedMs) / 1_000),
    },
    { caddy: ['caddy', 'version'], wrk: ['wrk', '-v'], h2load: ['h2load', '--version'] },
  );
  await writeTable(rows, counts);
  console.log(failures.length === 0 ? `passed; evidence in ${path}` : `NOT PASSED: ${failures.join('; ')}`);
  if (failures.length > 0) process.exitCode = 1;
}

await main();
