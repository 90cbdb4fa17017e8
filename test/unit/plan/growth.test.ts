import { describe, expect, it } from 'vitest';
import { asKnown, growthIssues, growthOf } from '#src/plan/growth.ts';
import type { StackFile } from '#src/spec/schema.ts';
import { hostsWithRole, type Spec, servingWebHosts } from '#src/spec/spec.ts';
import type { KnownHost } from '#src/topology/known-hosts.ts';
import { referenceStackFile, specOf } from '#test/fixtures/spec.ts';

const addresses: Readonly<Record<string, number>> = {
  'lb-1': 11,
  'lb-2': 12,
  'server-1': 13,
  'server-2': 14,
  'server-3': 15,
};

type Roles = Partial<Record<string, StackFile['hosts'][string]['roles']>>;

const reference: Roles = Object.fromEntries(
  Object.entries(referenceStackFile.hosts).map(([name, { roles }]) => [name, roles]),
);

/** The reference stack with these roles; undefined takes a host out. */
function stack(change: Roles = {}): Spec {
  const hosts = Object.entries({ ...reference, ...change }).flatMap(([name, roles]) =>
    roles === undefined ? [] : [[name, { roles, address: `10.77.0.${addresses[name] ?? 60}` }] as const],
  );
  return specOf({ ...referenceStackFile, hosts: Object.fromEntries(hosts) });
}

const known = (spec: Spec, state: KnownHost['state'] = 'in') =>
  spec.hosts.map((host) => asKnown(host, state));
const names = (spec: Spec | undefined) => spec?.hosts.map(({ name }) => name);

function issues(from: Spec, to: Spec): string {
  const before = known(from);
  return growthIssues(before, to, growthOf(before, to))
    .map(({ path, message }) => `${path}: ${message}`)
    .join('\n');
}

describe('the way to other hosts', () => {
  it('is none while they stay, and none is known before the first up', () => {
    const growth = growthOf(known(stack()), stack());
    expect(growth).toMatchObject({ joining: [], leaving: [], gone: [] });
    expect([growth.withNewcomers, growth.withLeavers]).toEqual([undefined, undefined]);
    expect(growthOf(undefined, stack()).withNewcomers).toBeUndefined();
  });

  it('leads over a stack in which a newcomer gets no requests yet', () => {
    const wanted = stack({ 'server-3': ['web', 'database'] });
    const { joining, withNewcomers, withLeavers } = growthOf(known(stack()), wanted);
    expect(joining).toEqual([{ host: 'server-3', roles: ['web', 'database'] }]);
    expect(withLeavers).toBeUndefined();
    expect(names(withNewcomers)).toContain('server-3');
    expect(servingWebHosts(withNewcomers as Spec).map(({ name }) => name)).toEqual(['server-1', 'server-2']);
    expect(hostsWithRole(withNewcomers as Spec, 'database')).toHaveLength(3);
  });

  it('leads over one in which the host that goes is the last of its tiers and gets no requests', () => {
    const before = stack({ 'server-3': ['web', 'database'] });
    const wanted = stack({ 'server-1': undefined, 'server-3': ['web', 'database', 'quorum'] });
    const { joining, leaving, gone, withNewcomers, withLeavers } = growthOf(known(before), wanted);
    expect(joining).toEqual([{ host: 'server-3', roles: ['quorum'] }]);
    expect(leaving).toEqual([{ host: 'server-1', roles: ['web', 'database', 'quorum'] }]);
    expect(gone.map(({ name }) => name)).toEqual(['server-1']);
    // While one comes nobody goes: the quorum never has fewer members that are proved.
    expect(servingWebHosts(withNewcomers as Spec).map(({ name }) => name)).toEqual([
      'server-2',
      'server-3',
      'server-1',
    ]);
    expect(hostsWithRole(withNewcomers as Spec, 'quorum')).toHaveLength(4);
    expect(servingWebHosts(withLeavers as Spec).map(({ name }) => name)).toEqual(['server-2', 'server-3']);
    const members = hostsWithRole(withLeavers as Spec, 'database');
    expect(
      members.map(({ name, transit }) => [name, transit?.leaving.includes('database') ?? false]),
    ).toEqual([
      ['server-2', false],
      ['server-3', false],
      ['server-1', true],
    ]);
  });

  it('goes on where a run was killed', () => {
    const wanted = stack({ 'server-3': ['web', 'database'] });
    const half = [...known(stack()), asKnown(wanted.hosts[4] as Spec['hosts'][number], 'joining')];
    expect(growthOf(half, wanted).joining).toEqual([{ host: 'server-3', roles: ['web', 'database'] }]);
    const before = stack({ 'server-3': ['web', 'database'] });
    const out = known(before).map(
      (host): KnownHost => (host.name === 'server-3' ? { ...host, state: 'out' } : host),
    );
    const growth = growthOf(out, stack());
    expect(growth.leaving).toEqual([]);
    expect(growth.withLeavers).toBeUndefined();
    expect(growth.gone.map(({ name }) => name)).toEqual(['server-3']);
  });

  it('lets a host that stays give a role up', () => {
    const wanted = stack({ 'server-1': ['web', 'quorum'] });
    const { leaving, gone, withLeavers } = growthOf(known(stack()), wanted);
    expect(leaving).toEqual([{ host: 'server-1', roles: ['database'] }]);
    expect(gone).toEqual([]);
    expect(hostsWithRole(withLeavers as Spec, 'database')).toHaveLength(2);
    expect(servingWebHosts(withLeavers as Spec)).toHaveLength(2);
  });
});

describe('refused before anything is changed', () => {
  const three: Roles = { 'server-3': ['web', 'database'] };

  it('two members of the quorum at once', () => {
    const wanted = stack({
      ...three,
      'lb-1': ['balancer'],
      'server-1': ['web', 'database'],
      'lb-2': ['balancer', 'quorum'],
      'server-3': ['web', 'database', 'quorum'],
    });
    expect(issues(stack(three), wanted)).toBe(
      'hosts: lb-1 and server-1 would leave the quorum of 3 at once: members are replaced one at a time, with a healthy quorum in between',
    );
  });

  it('one at a time is not', () => {
    const wanted = stack({
      ...three,
      'server-1': ['web', 'database'],
      'server-3': ['web', 'database', 'quorum'],
    });
    expect(issues(stack(three), wanted)).toBe('');
  });

  it('everybody who has the data', () => {
    const wanted = stack({
      'server-1': ['web', 'quorum'],
      'server-2': ['web', 'quorum'],
      'server-3': ['database'],
    });
    expect(issues(stack(), wanted)).toContain(
      'every database member that has the data would leave (server-1, server-2)',
    );
  });

  it('another address for a host, also one that follows from its place in the file', () => {
    const [first, second] = stack().hosts.slice(2);
    const moved = {
      ...stack(),
      hosts: stack().hosts.map((host) =>
        host.name === first?.name ? { ...host, address: '10.77.0.77' } : host,
      ),
    };
    expect(issues(stack(), moved)).toContain('hosts.server-1.address: was 10.77.0.13 and is now 10.77.0.77');
    const taken = stack({ 'server-1': undefined, 'server-3': ['web', 'database', 'quorum'] });
    const heir = {
      ...taken,
      hosts: taken.hosts.map((host) =>
        host.name === 'server-3' ? { ...host, address: '10.77.0.13' } : host,
      ),
    };
    expect(issues(stack(), heir)).toContain('10.77.0.13 is still the address of server-1');
    expect(second?.address).toBe('10.77.0.14');
  });

  it('a lab that becomes servers under the same name', () => {
    const servers = { ...stack(), hosts: stack().hosts.map((host) => ({ ...host, ssh: host.name })) };
    expect(issues(stack(), servers)).toContain('was brought up as a lab');
  });
});
