/** Whether an etcd member that was restarted takes part in the quorum again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { configPath } from '#src/render/files.ts';
import type { HostSpec } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import { ports } from '#src/topology/ports.ts';
import type { HostDriver } from './host-driver.ts';

const memberMs = 60_000;
const lookMs = 200;

/**
 * Resolves when the member answers a linearizable read, which it can't before it has caught up and knows a leader: only then may
 * the next one end. Its port alone opens earlier.
 */
export async function memberReady(driver: HostDriver, host: HostSpec): Promise<void> {
  const file = (name: string) => configPath('etcd', name);
  const command = [
    ...['env', 'ETCDCTL_API=3', 'etcdctl', `--endpoints=https://${host.address}:${ports.etcdClient}`],
    ...[`--cacert=${file('ca.pem')}`, `--cert=${file('host.pem')}`, `--key=${file('host.key')}`],
    ...['endpoint', 'health'],
  ];
  const deadline = performance.now() + memberMs;
  for (;;) {
    const { code, stdout, stderr } = await driver.run(command, { timeoutMs: 15_000 });
    if (code === 0) return;
    if (performance.now() > deadline) {
      const said = `${stderr}\n${stdout}`.split('\n').filter(Boolean);
      throw new TandemError('quorum-member-unhealthy', `${host.name}: its etcd member does not take part.`, {
        issues: said.slice(-4).map((message) => ({ path: `${host.name}/etcd`, message })),
        hint: `See 'tandem logs ${host.name} etcd'.`,
      });
    }
    await sleep(lookMs);
  }
}
