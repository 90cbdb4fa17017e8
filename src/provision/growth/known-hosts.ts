/** Which hosts the stack is on: noted before they are begun with, and until nothing of the stack is left on them. */
import { join } from 'node:path';
import type { KnownHost, KnownHosts } from '#src/topology/known-hosts.ts';
import type { StackAccess } from '../health.ts';
import { SharedRecord } from '../shared-record.ts';

export class KnownHostsStore {
  readonly #record: SharedRecord<KnownHosts>;

  private constructor(record: SharedRecord<KnownHosts>) {
    this.#record = record;
  }

  static async open(access: StackAccess, stateDirectory: string): Promise<KnownHostsStore> {
    const file = join(stateDirectory, 'hosts.json');
    const record = new SharedRecord<KnownHosts>(access, { path: '/v1/hosts', file, what: 'the hosts' });
    await record.read();
    return new KnownHostsStore(record);
  }

  /** Undefined for a stack that was never up, or by a version that did not note it. */
  get hosts(): readonly KnownHost[] | undefined {
    return this.#record.record?.hosts;
  }

  async note(hosts: readonly KnownHost[]): Promise<void> {
    if (JSON.stringify(hosts) !== JSON.stringify(this.hosts)) await this.#record.write({ hosts });
  }

  /** As `note`, and brings etcd what only this machine knew. */
  async share(hosts: readonly KnownHost[]): Promise<void> {
    if (!this.#record.isKnown) await this.#record.read();
    const isSame = JSON.stringify(hosts) === JSON.stringify(this.hosts);
    if (this.#record.isMissing || !isSame) await this.#record.write({ hosts });
  }
}
