/**
 * Stands in for a stack's secrets and certificates where there are none yet: a plan of a stack that was never up says
 * which files would be written, not what is in the secret ones, and making keys for a thousand hosts takes seconds.
 */
import type { KeyPair, Material } from '#src/render/context.ts';
import type { Spec } from '#src/spec/spec.ts';

const pair = (name: string): KeyPair => ({
  certificate: `(certificate of ${name}, made by up)\n`,
  key: `(key of ${name}, made by up)\n`,
});

export function placeholderMaterial(spec: Spec): Material {
  return {
    stackId: '0'.repeat(32),
    ca: '(certificate of the internal authority, made by up)\n',
    hosts: Object.fromEntries(spec.hosts.map((host) => [host.name, pair(host.name)])),
    monitoring: Object.fromEntries(spec.hosts.map(({ name }) => [name, pair(`monitoring on ${name}`)])),
    receivers: { webhookTokens: [] },
    site: pair(spec.site.domain),
    dashboard: { identity: pair('dashboard'), sessionKey: '', passwords: {}, tokens: [] },
    passwords: { replication: '', agent: '', application: '' },
    accounts: Object.fromEntries(
      Object.keys(spec.database.accounts).map((name) => [name, { server: '', clients: [''] }]),
    ),
  };
}
