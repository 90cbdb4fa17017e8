/**
 * A scan of the floating address. What is open there is judged by the flows of whoever holds it, and a scan takes so much
 * of the machine that it may move meanwhile: so it goes in parts, and a part during which it moved is done again.
 */
import assert from 'node:assert/strict';
import type { Flow } from '#src/topology/flows.ts';
import { AddressWatch } from '#test/support/address-watch.ts';
import type { Lab } from '#test/support/lab.ts';
import { scan } from '#test/support/scanner.ts';
import { difference, type Source } from './stack-5-flows.ts';

interface Range {
  readonly from: number;
  readonly to: number;
}

const partSize = 8_192;
const mostTries = 10;

/** nmap's notation as parts of at most `partSize` ports. */
function partsOf(ports: string): readonly (readonly Range[])[] {
  const ranges = ports.split(',').map((text): Range => {
    const [from = 0, to = from] = text.split('-').map(Number);
    return { from, to };
  });
  const size = ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  if (size <= partSize) return [ranges];
  return ranges.flatMap(({ from, to }) =>
    Array.from({ length: Math.ceil((to - from + 1) / partSize) }, (_, index) => {
      const start = from + index * partSize;
      return [{ from: start, to: Math.min(to, start + partSize - 1) }];
    }),
  );
}

/** What is wrong with one part; undefined when the address moved, or was on its way, meanwhile. */
async function scanPart(
  lab: Lab,
  source: Source,
  part: readonly Range[],
  flows: readonly Flow[],
): Promise<readonly string[] | undefined> {
  const { site, hosts } = await lab.healthy(300_000);
  const balancers = hosts.filter(({ roles }) => roles.includes('balancer'));
  const watch = await AddressWatch.start(
    balancers.map(({ name }) => lab.namespace(name)),
    site.address,
  );
  try {
    const host = (await lab.status()).balancer.active;
    if (host === null) return undefined;
    // Its own floating address is no other host's.
    if (host === source.name) return [];
    const ports = part.map(({ from, to }) => `${from}-${to}`).join(',');
    const found = await scan({ namespace: source.namespace, targets: [site.address], ports });
    if (watch.changes.length > 0) return undefined;
    const inPart = flows.filter(({ port }) =>
      part.some(({ from, to }) => port != null && port >= from && port <= to),
    );
    const target = { host, address: site.address, isFloating: true };
    return [difference(found[site.address]?.open ?? [], inPart, source, target) ?? []].flat();
  } finally {
    watch.close();
  }
}

/** What is wrong, and how often a part was done again because the address had moved. */
export async function scanFloating(
  lab: Lab,
  source: Source,
  ports: string,
  flows: readonly Flow[],
): Promise<{ readonly failures: readonly string[]; readonly moves: number }> {
  const failures: string[] = [];
  let moves = 0;
  for (const part of partsOf(ports)) {
    let found: readonly string[] | undefined;
    for (let tries = 0; found === undefined; tries += 1) {
      assert.ok(tries < mostTries, `the floating address moved during each of ${mostTries} scans of a part`);
      if (tries > 0) moves += 1;
      found = await scanPart(lab, source, part, flows);
    }
    failures.push(...found);
  }
  return { failures, moves };
}
