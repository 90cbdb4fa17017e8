/** A small stack for the tests of adapters and material; only what they read is filled in. */
import type { Spec } from '#src/spec/spec.ts';

export function smallSpec(hosts: readonly [string, string][], site: Partial<Spec['site']> = {}): Spec {
  return {
    stack: 'users',
    database: { accounts: {} },
    monitoring: false,
    dashboard: { operators: [] },
    hosts: hosts.map(([name, address]) => ({
      name,
      address,
      roles: ['database'],
      weight: 1,
      ssh: undefined,
    })),
    site: {
      addresses: ['10.77.0.100'],
      domain: 'users.internal',
      certificate: 'internal',
      httpPort: 80,
      httpsPort: 443,
      ...site,
    },
  } as unknown as Spec;
}
