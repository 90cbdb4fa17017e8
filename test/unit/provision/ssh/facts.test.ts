/** Facts of a server, and every problem that a preflight finds in them. */
import { describe, expect, it } from 'vitest';
import { type FactsContext, parseFacts, portsOf, problemsOf } from '#src/provision/ssh/facts.ts';
import type { HostSpec } from '#src/spec/spec.ts';
import { referenceSpec, referenceStackFile } from '#test/fixtures/spec.ts';

const spec = referenceSpec({
  hosts: Object.fromEntries(
    Object.entries(referenceStackFile.hosts).map(([name, host]) => [name, { ...host, ssh: name }]),
  ),
  network: { operators: ['10.77.0.0/24'] },
});
const host = spec.hosts[0] as HostSpec;

const good = {
  now: '1000.5',
  connection: '10.77.0.1 40000 10.77.0.11 22',
  system: 'debian 12',
  init: 'systemd',
  machine: 'x86_64',
  interface: 'eth0',
  free: '/var/lib 9000000',
  marker: '',
  capabilities: '000001ffffffffff',
} as const;

function problems(
  change: Partial<Record<keyof typeof good | 'listens', string>>,
  features = ['nftables', 'apt'],
) {
  const lines = Object.entries({ ...good, ...change }).map(([key, value]) => `${key} ${value}`);
  const text = [...lines, ...features.map((feature) => `feature ${feature}`)].join('\n');
  const context: FactsContext = {
    spec,
    host,
    askedMs: 1_000_000,
    answeredMs: 1_001_000,
    stackId: 'own',
    architecture: 'x64',
  };
  return problemsOf(parseFacts(text), context).map((issue) => {
    expect(issue.path).toBe('lb-1');
    expect(issue.hint).not.toBe('');
    return issue.message;
  });
}

it('a bare Debian is ready; so is one that this stack has already', () => {
  expect(problems({})).toEqual([]);
  expect(
    problems({ marker: '{"stack":"users","stackId":"own"}', listens: '80 haproxy tandem-haproxy.service' }),
  ).toEqual([]);
});

describe('what is not ready is named', () => {
  it.each([
    [{ system: 'ubuntu 24.04' }, /'ubuntu 24.04', not Debian 12/],
    [{ system: '' }, /an unknown system/],
    [{ init: 'sshd' }, /not started by systemd/],
    [{ machine: 'aarch64' }, /is aarch64/],
    [{ now: '1240.0' }, /239 s ahead|4 min ahead/],
    [{ now: '700.0' }, /5 min behind/],
    [{ marker: '{"stack":"shop","stackId":"x"}' }, /the stack 'shop'/],
    [{ marker: '{"stack":"users","stackId":"x"}' }, /another stack of the same name/],
    [{ marker: 'not json' }, /is a server of/],
    [{ listens: '80 apache2 apache2.service' }, /port 80 is taken by apache2 \(apache2.service\)/],
    [{ listens: '443 nginx -' }, /port 443 is taken by nginx, which/],
    [{ free: '/opt 1000' }, /only 0 MiB free in \/opt/],
    [{ capabilities: '0000000000000000' }, /no CAP_NET_ADMIN/],
    [{ interface: '' }, /has no address 10.77.0.11/],
    [{ interface: 'ens3' }, /10.77.0.11 on ens3, not on eth0/],
    [{ connection: '192.0.2.9 4 10.77.0.11 22' }, /is reached from 192.0.2.9/],
    [{ connection: 'fe80::1 4 fe80::2 22' }, /over IPv6/],
    [{ connection: '10.77.0.1 4 10.77.0.11 2222' }, /sshd is on port 2222/],
  ])('%j', (change, message) => {
    expect(problems(change).join('; ')).toMatch(message);
  });

  it('a kernel without nftables', () => {
    expect(problems({}, ['apt'])).toEqual(['its kernel has no nftables']);
  });

  it('all of it at once', () => {
    expect(problems({ now: '0', free: '/opt 1', listens: '80 apache2 -', interface: 'ens3' })).toHaveLength(
      4,
    );
  });
});

it('ports are those of the roles', () => {
  expect(portsOf(spec, host)).toEqual([80, 443, 2379, 2380, 8405, 8440, 8442, 9090, 9093, 9094, 9100]);
});
