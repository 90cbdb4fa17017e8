import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import type { Flow } from '#src/topology/flows.ts';
import { answering, ExtraListeners } from '#test/support/extra-listeners.ts';
import { openPort } from '#test/support/firewall.ts';
import type { Lab } from '#test/support/lab.ts';
import { uplinkOf } from '#test/support/namespaces.ts';
import { Outside } from '#test/support/outside.ts';
import { scan } from '#test/support/scanner.ts';
import type { Evidence, LabPoint } from './point.ts';
import { checkBlocklist } from './stack-5-blocklist.ts';
import { scanFloating } from './stack-5-floating.ts';
import { allowed, difference, type Source, type Target } from './stack-5-flows.ts';

interface Counts {
  /** Every TCP port, or those of all flows, of the listeners, the lowest thousand and this many others. */
  readonly allPorts: boolean;
  readonly otherPorts: number;
  /** Rounds of block and unblock. */
  readonly blocks: number;
}

const udpPorts = [53, 67, 69, 111, 123, 137, 161, 443, 500, 514, 1900, 3306, 5353, 8443, 11211];

async function sourcesOf(lab: Lab, outside: Outside): Promise<readonly Source[]> {
  const hosts = lab.hosts.map((host) => ({ name: host, namespace: lab.namespace(host) }));
  return [
    { name: 'outside', namespace: outside.namespace },
    { name: 'operators', namespace: undefined },
    ...hosts,
  ];
}

/** Hosts by their own address; the floating one is scanned by itself. */
async function targetsOf(lab: Lab): Promise<readonly Target[]> {
  const { hosts } = await lab.status();
  return hosts.map(({ name, address }) => ({ host: name, address, isFloating: false }));
}

function portsToScan(
  counts: Counts,
  flows: readonly Flow[],
  extra: ReadonlyMap<string, ExtraListeners>,
): string {
  if (counts.allPorts) return '1-65535';
  const flowPorts = flows.flatMap(({ port }) => port ?? []);
  const listening = [...extra.values()].flatMap(({ tcp }) => tcp);
  const others = Array.from({ length: counts.otherPorts }, () => randomInt(1_024, 65_536));
  return ['1-1023', ...new Set([...flowPorts, ...listening, ...others])].join(',');
}

/** One source against all others over IPv4: exactly the flows, both ways. */
async function scanFrom(
  lab: Lab,
  source: Source,
  targets: readonly Target[],
  ports: string,
  flows: readonly Flow[],
  extra: ReadonlyMap<string, ExtraListeners>,
): Promise<readonly string[]> {
  const away = targets.filter(({ host }) => host !== source.name);
  const addresses = away.map(({ address }) => address);
  const [results, udp, ipv6] = await Promise.all([
    scan({ namespace: source.namespace, targets: addresses, ports }),
    Promise.all(away.map((target) => askUdp(source, target, extra))),
    scanIpv6(lab, source, flows, extra),
  ]);
  const tcp: string[] = [];
  for (const target of away) {
    const open = results[target.address]?.open ?? [];
    const missed = allowed(flows, source, target).filter((port) => !open.includes(port));
    const found = [...open, ...(await openAmong(source, target, missed))];
    const wrong = difference(
      found.toSorted((left, right) => left - right),
      flows,
      source,
      target,
    );
    if (wrong !== undefined) tcp.push(wrong);
  }
  return [...tcp, ...udp.flat(), ...ipv6];
}

/**
 * On a busy machine an answer to a scan of all ports gets lost where packets are captured: a flow that it does not show is asked
 * for by itself. What a scan does show is never asked for again.
 */
async function openAmong(
  { namespace }: Source,
  { address }: Target,
  ports: readonly number[],
): Promise<readonly number[]> {
  if (ports.length === 0) return [];
  return (await scan({ namespace, targets: [address], ports: ports.join(',') }))[address]?.open ?? [];
}

async function askUdp(
  source: Source,
  target: Target,
  extra: ReadonlyMap<string, ExtraListeners>,
): Promise<readonly string[]> {
  const ports = [...(extra.get(target.host)?.udp ?? []), ...udpPorts];
  const answered = await answering('udp', source.namespace, target.address, ports);
  return answered.length === 0 ? [] : [`${source.name} → ${target.host}: UDP ${answered.join(', ')} answers`];
}

/** By link-local address nothing answers: no flow is IPv6. */
async function scanIpv6(
  lab: Lab,
  source: Source,
  flows: readonly Flow[],
  extra: ReadonlyMap<string, ExtraListeners>,
): Promise<readonly string[]> {
  if (source.namespace === undefined) return [];
  const from = source.namespace;
  const { ifname } = await uplinkOf(from);
  const failures = [...extra]
    .filter(([host]) => host !== source.name)
    .map(async ([host, listeners]) => {
      const addresses = (await uplinkOf(lab.namespace(host))).addr_info;
      const target = addresses.find(({ local }) => local.startsWith('fe80'));
      if (target === undefined) return [];
      const address = `${target.local}%${ifname}`;
      const flowPorts = flows.flatMap(({ port }) => port ?? []);
      const [tcp, udp] = await Promise.all([
        answering('tcp', from, address, [...new Set([...listeners.tcp, ...flowPorts])]),
        answering('udp', from, address, listeners.udp),
      ]);
      const open = [...tcp, ...udp];
      return open.length === 0 ? [] : [`${source.name} → ${host} over IPv6: ${open.join(', ')}`];
    });
  return (await Promise.all(failures)).flat();
}

/** A listener that nobody could reach anyway would prove nothing. */
async function checkListeners(lab: Lab, extra: ReadonlyMap<string, ExtraListeners>): Promise<void> {
  for (const [host, listeners] of extra) {
    const inside = lab.namespace(host);
    assert.deepEqual(
      (await answering('tcp', inside, '127.0.0.1', listeners.tcp)).toSorted(),
      listeners.tcp.toSorted(),
    );
    assert.deepEqual(
      (await answering('udp', inside, '127.0.0.1', listeners.udp)).toSorted(),
      listeners.udp.toSorted(),
    );
  }
}

/** A scan that finds no hole proves something only if it finds one that is there: one port, opened for a moment. */
async function checkScanner(lab: Lab, outside: Outside, extra: ReadonlyMap<string, ExtraListeners>) {
  const host = 'server-2';
  const [port] = extra.get(host)?.tcp ?? [];
  const address = (await lab.status()).hosts.find(({ name }) => name === host)?.address;
  assert.ok(port !== undefined && address !== undefined);
  const look = async () => {
    const found = await scan({ namespace: outside.namespace, targets: [address], ports: String(port) });
    return found[address]?.open ?? [];
  };
  const close = await openPort(lab, host, port);
  try {
    assert.deepEqual(await look(), [port], 'the scan misses a hole in a firewall');
  } finally {
    await close();
  }
  assert.deepEqual(await look(), []);
}

async function scanAll(
  lab: Lab,
  outside: Outside,
  counts: Counts,
  log: (line: string) => void,
): Promise<Evidence> {
  const flows = JSON.parse(await lab.expect('plan', '--flows', '--json')) as readonly Flow[];
  const targets = await targetsOf(lab);
  const extra = new Map<string, ExtraListeners>();
  try {
    for (const host of lab.hosts) extra.set(host, await ExtraListeners.start(lab.namespace(host)));
    await checkListeners(lab, extra);
    await checkScanner(lab, outside, extra);
    const ports = portsToScan(counts, flows, extra);
    const sources = await sourcesOf(lab, outside);
    const failures: string[] = [];
    let addressMoved = 0;
    for (const source of sources) {
      const startedMs = performance.now();
      failures.push(...(await scanFrom(lab, source, targets, ports, flows, extra)));
      const floating = await scanFloating(lab, source, ports, flows);
      failures.push(...floating.failures);
      addressMoved += floating.moves;
      log(`scanned from ${source.name} in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
    }
    assert.deepEqual(failures, [], 'open ports are not exactly the flows');
    const open = sources.flatMap((source) =>
      targets
        .filter(({ host }) => host !== source.name)
        .map((target) => ({
          from: source.name,
          to: `${target.host} ${target.address}`,
          open: allowed(flows, source, target),
        })),
    );
    const linkLocal = await Promise.all(lab.hosts.map(async (host) => uplinkOf(lab.namespace(host))));
    const ipv6 = linkLocal.filter(({ addr_info }) => addr_info.some(({ local }) => local.startsWith('fe80')));
    const extraPorts = [...extra].map(([host, { tcp, udp }]) => ({ host, tcp, udp }));
    return {
      tcpPorts: counts.allPorts ? 'all 65,535' : ports.split(',').length + 1_022,
      extraPorts,
      hostsWithLinkLocalAddress: ipv6.length,
      scansRepeatedBecauseTheAddressMoved: addressMoved,
      open,
    };
  } finally {
    for (const listeners of extra.values()) listeners.close();
  }
}

/** Every host, and a stranger on their network, against all others. */
export async function scanStack(lab: Lab, counts: Counts, log: (line: string) => void): Promise<Evidence> {
  const outside = await Outside.plug(lab, 'scan', 250);
  try {
    return await scanAll(lab, outside, counts, log);
  } finally {
    await outside.close();
  }
}

export const scanPoint: LabPoint<Counts> = {
  kind: 'lab',
  id: 'stack-5',
  // Half a minute, and the flows have their own tests.
  inSuite: false,
  title:
    'Open ports are exactly the flows of the plan; the block-list works within 1 s and survives a restart',
  small: { allPorts: false, otherPorts: 500, blocks: 1 },
  full: { allPorts: true, otherPorts: 0, blocks: 10 },
  async run(lab, { counts, log }) {
    const outside = await Outside.plug(lab, 'scan', 250);
    try {
      const scans = await scanAll(lab, outside, counts, log);
      const blocklist = await checkBlocklist(lab, outside, counts.blocks, log);
      return { ...scans, blocklist };
    } finally {
      await outside.close();
    }
  },
};
