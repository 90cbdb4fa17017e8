import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStack } from '#src/spec/parse.ts';
import { reservedPorts } from '#src/spec/rules-network.ts';
import type { Role } from '#src/spec/schema/hosts.ts';
import type { StackFile } from '#src/spec/schema.ts';
import type { Spec } from '#src/spec/spec.ts';
import { ports } from '#src/topology/ports.ts';

const good = {
  stack: 'site',
  hosts: {
    'lb-1': { roles: ['balancer', 'quorum'] },
    'lb-2': { roles: ['balancer'] },
    'server-1': { roles: ['web', 'database', 'quorum'], weight: 2 },
    'server-2': { roles: ['web', 'database', 'quorum'] },
  },
  web: { app: { directory: '.', command: ['node', 'server.ts'] } },
} satisfies StackFile;

function specOf(input: unknown): Spec {
  const result = parseStack(input);
  if (!result.ok) throw new Error(JSON.stringify(result.issues));
  return result.spec;
}

function withHosts(change: Record<string, unknown>): unknown {
  return { ...good, hosts: { ...good.hosts, ...change } };
}

const addressesOf = (spec: Spec) => spec.hosts.map((host) => host.address);

describe('addresses that the file leaves open', () => {
  it('are given in file order, with every default', () => {
    const spec = specOf(good);
    expect(addressesOf(spec)).toEqual(['10.77.0.11', '10.77.0.12', '10.77.0.13', '10.77.0.14']);
    expect(spec.site.addresses).toEqual(['10.77.0.100']);
    expect(spec.site.domain).toBe('site.internal');
    expect(spec.network.gateway).toBe('10.77.0.1');
    expect(spec.network.operators).toEqual(['10.77.0.1']);
    expect(spec.web.mode).toBe('active-active');
  });

  it('leave out what the file uses itself', () => {
    const spec = specOf({
      ...(withHosts({
        'server-2': { roles: ['web', 'database', 'quorum'], address: '10.77.0.12' },
      }) as object),
      site: { addresses: ['10.77.0.11'] },
    });
    expect(addressesOf(spec)).toEqual(['10.77.0.13', '10.77.0.14', '10.77.0.15', '10.77.0.12']);
  });

  it('come from both ends of a small subnet', () => {
    const spec = specOf({
      ...good,
      network: { subnet: '192.168.5.16/28' },
      balancer: { mode: 'active-active' },
    });
    expect(addressesOf(spec)).toEqual(['192.168.5.18', '192.168.5.19', '192.168.5.20', '192.168.5.21']);
    expect(spec.site.addresses).toEqual(['192.168.5.30', '192.168.5.29']);
  });

  it('fill the smallest subnet that fits', () => {
    const spec = specOf({ ...good, network: { subnet: '192.168.5.0/29' } });
    expect([...addressesOf(spec), ...spec.site.addresses]).toEqual(
      [2, 3, 4, 5, 6].map((last) => `192.168.5.${last}`),
    );
  });

  it('do not move when a host is added at the end', () => {
    const more = { 'server-3': { roles: ['web'] }, 'lb-3': { roles: ['balancer'] } };
    for (const mode of ['active-active', 'active-passive'] as const) {
      for (const subnet of ['10.0.0.0/8', '10.9.0.0/24', '10.9.0.0/25', '10.9.0.0/27']) {
        const change = { network: { subnet }, balancer: { mode } };
        const before = specOf({ ...good, ...change });
        const after = specOf({ ...(withHosts(more) as object), ...change });
        expect(after.hosts.slice(0, 4)).toEqual(before.hosts);
        expect(after.site.addresses.slice(0, before.site.addresses.length)).toEqual(before.site.addresses);
      }
    }
  });
});

it('this machine is always an operator', () => {
  const operators = (given: string[]) => specOf({ ...good, network: { operators: given } }).network.operators;
  expect(operators(['192.0.2.0/24'])).toEqual(['10.77.0.1', '192.0.2.0/24']);
  expect(operators([])).toEqual(['10.77.0.1']);
  expect(operators(['10.77.0.0/24'])).toEqual(['10.77.0.0/24']);
});

it('the reserved ports are those of the topology', () => {
  expect(Object.keys(reservedPorts).map(Number)).toEqual(
    Object.values(ports).toSorted((left, right) => left - right),
  );
});

/** The file that says in full what `spec` means. */
function fileOf(spec: Spec): unknown {
  const { gateway: _gateway, ...network } = spec.network;
  const hosts = spec.hosts.map(({ name, ssh, ...host }) => [
    name,
    ssh === undefined ? host : { ...host, ssh },
  ]);
  return { ...spec, network, hosts: Object.fromEntries(hosts) };
}

const role = fc.constantFrom<Role>('balancer', 'web', 'database', 'quorum');
const stackName = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z0-9]$/);
const likelyFile = fc.record(
  {
    stack: stackName,
    hosts: fc.dictionary(
      stackName,
      fc.record(
        {
          roles: fc.uniqueArray(role, { minLength: 1 }),
          weight: fc.nat(300),
          address: fc.nat(300).map((last) => `10.77.0.${last}`),
        },
        { requiredKeys: ['roles'] },
      ),
      { minKeys: 2, maxKeys: 8 },
    ),
    web: fc.record(
      { app: fc.constant(good.web.app), instances: fc.integer({ min: 1, max: 70 }) },
      { requiredKeys: ['app'] },
    ),
    balancer: fc.record({ mode: fc.constantFrom('active-active', 'active-passive') }),
    network: fc.record({
      subnet: fc.constantFrom('10.77.0.0/24', '10.0.0.0/8', '10.77.0.0/28', '0.0.0.0/0'),
    }),
    site: fc.record({ domain: fc.domain() }),
  },
  { requiredKeys: ['stack', 'hosts', 'web'] },
);

describe('for any input', () => {
  it('parsing does not throw, and a refusal has a reason', () => {
    const check = (input: unknown) => {
      const result = parseStack(input);
      expect(result.ok || result.issues.length > 0).toBe(true);
    };
    fc.assert(fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true }), check));
    const key = fc.constantFrom('stack', 'hosts', 'web', 'network', 'site', 'balancer', 'database', 'quorum');
    fc.assert(fc.property(fc.dictionary(key, fc.anything()), (input) => check({ ...good, ...input })));
    const host = fc.record({ roles: fc.anything(), address: fc.anything(), weight: fc.anything() });
    fc.assert(fc.property(fc.dictionary(fc.string(), host), (hosts) => check(withHosts(hosts))));
  });

  it('an accepted file means the same when it is written in full', () => {
    let accepted = 0;
    fc.assert(
      fc.property(likelyFile, (input) => {
        const result = parseStack(input);
        if (!result.ok) return;
        accepted++;
        expect(parseStack(fileOf(result.spec))).toEqual(result);
        const used = [
          ...addressesOf(result.spec),
          ...result.spec.site.addresses,
          result.spec.network.gateway,
        ];
        expect(new Set(used).size).toBe(used.length);
      }),
      { numRuns: 2_000 },
    );
    expect(accepted).toBeGreaterThan(20);
  });

  it('the reference stack means the same when it is written in full', () => {
    const result = parseStack(good);
    expect(result.ok && parseStack(fileOf(result.spec))).toEqual(result);
  });
});
