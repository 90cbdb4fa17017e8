import { expect, it } from 'vitest';
import { leaveIssues } from '#src/provision/growth/leave.ts';
import type { StackAccess } from '#src/provision/health.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';

it('a balancer that cannot be asked is told as that', async () => {
  const wanted = referenceSpec();
  const spec = {
    ...wanted,
    hosts: wanted.hosts.map((host) =>
      host.name === 'server-2' ? { ...host, transit: { leaving: ['web'], joining: [] } } : host,
    ),
  };
  const access = {
    spec,
    infrastructure: {
      driver: () => ({ services: async () => [{ name: 'haproxy', state: 'running' }] }),
      // Nobody listens there.
      agent: async () => ({ address: '127.77.55.1' }),
      site: async () => undefined,
    },
    operator: async () => ({ ca: '', certificate: '', key: '' }),
    caFile: '',
  };
  const settled = new Set(wanted.hosts.map(({ name }) => name));
  const staying = { ...wanted, hosts: wanted.hosts.filter(({ name }) => name !== 'server-2') };
  expect(await leaveIssues({ access: access as unknown as StackAccess, wanted: staying, settled })).toEqual([
    {
      path: 'server-2',
      message: expect.stringMatching(
        /^whether a web host that stays is healthy is not known: The agent at 127\.77\.55\.1 did not answer .*[^.]$/,
      ),
      hint: expect.stringContaining('tandem status'),
    },
  ]);
});
