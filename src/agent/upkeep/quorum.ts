/**
 * Looks after etcd: whether it answers; on its members also its space. Compaction of old revisions is etcd's own
 * (auto-compaction); giving the space back, and ending a space alarm, is not.
 */
import { EtcdError } from '#src/adapters/etcd/errors.ts';
import {
  type Alarm,
  alarms,
  compact,
  defragment,
  disarm,
  memberStatus,
  members,
  moveLeader,
} from '#src/adapters/etcd/maintenance.ts';
import type { Log } from '#src/adapters/log.ts';
import type { AgentContext } from '../context.ts';
import { Loop } from '../loop.ts';
import { betterLeader, shouldDefragment } from './quorum-decide.ts';

const checkMs = 5_000;
/** Every so many checks: alarms and space. */
const spaceEvery = 12;

export class QuorumConcern {
  readonly #context: AgentContext;
  readonly #log: Log;
  readonly #takesWrites: () => boolean;
  readonly #loop: Loop;
  #status = { reachable: false, atMs: 0 };
  #checks = 0;

  /** `takesWrites`: whether the database's primary is on this host. */
  constructor(context: AgentContext, takesWrites: () => boolean) {
    this.#context = context;
    this.#takesWrites = takesWrites;
    this.#log = context.log.of('quorum');
    this.#loop = new Loop({ name: 'quorum', intervalMs: checkMs, log: this.#log, step: () => this.#step() });
  }

  get status(): { readonly reachable: boolean; readonly atMs: number } {
    return this.#status;
  }

  stop(): void {
    this.#loop.stop();
  }

  async #step(): Promise<number> {
    const { etcd, warnings, config } = this.#context;
    try {
      await etcd.get('/tandem/initialize');
      this.#status = { reachable: true, atMs: Date.now() };
      warnings.set('quorum', undefined);
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      this.#status = { reachable: false, atMs: Date.now() };
      warnings.set('quorum', 'The quorum does not answer.');
      return 1_000;
    }
    if (config.roles.includes('quorum')) {
      if (this.#takesWrites()) await this.#giveLeadershipAway();
      if (this.#checks % spaceEvery === 0) await this.#lookAfterSpace();
    }
    this.#checks += 1;
    return checkMs;
  }

  async #giveLeadershipAway(): Promise<void> {
    const { etcd, config } = this.#context;
    const [own] = etcd.endpoints;
    if (own === undefined) return;
    const self = await memberStatus(etcd, own);
    const isDatabaseHost = (name: string) =>
      config.peers.some((peer) => peer.name === name && peer.roles.includes('database'));
    const target =
      self.leader === self.memberId ? betterLeader(self, await members(etcd), isDatabaseHost) : undefined;
    if (target === undefined) return;
    this.#log.info("etcd's leadership goes to a host that does not take the database's writes", {
      to: target.name,
    });
    await moveLeader(etcd, own, target.id);
  }

  async #lookAfterSpace(): Promise<void> {
    const { etcd, warnings } = this.#context;
    // The local member is the first of the endpoints.
    const own = etcd.endpoints[0];
    if (own === undefined) return;
    const raised = await alarms(etcd);
    const corrupt = raised.some((alarm) => alarm.alarm === 'CORRUPT');
    warnings.set('etcd-corrupt', corrupt ? 'etcd reports a corrupt member; see docs/operations.' : undefined);
    const statuses = await Promise.all(
      etcd.endpoints.map((endpoint) => memberStatus(etcd, endpoint).catch(() => undefined)),
    );
    const self = statuses[0];
    if (self === undefined) return;
    await this.#endSpaceAlarm(raised, own, self.memberId, self.revision);
    const { defragment: now, reason } = shouldDefragment(own, statuses);
    if (now) {
      this.#log.info('defragmenting', { reason });
      await defragment(etcd, own);
    }
  }

  /** With a space alarm etcd takes no writes: old revisions go, their space is given back, then the alarm ends. */
  async #endSpaceAlarm(
    raised: readonly Alarm[],
    own: string,
    memberId: string,
    revision: number,
  ): Promise<void> {
    const { etcd, warnings } = this.#context;
    const alarm = raised.find((each) => each.alarm === 'NOSPACE' && each.memberId === memberId);
    warnings.set('etcd-space', alarm === undefined ? undefined : 'etcd is out of space: making room.');
    if (alarm === undefined) return;
    await compact(etcd, revision).catch((error) => {
      if (!(error instanceof EtcdError) || !error.compacted) throw error;
    });
    await defragment(etcd, own);
    const after = await memberStatus(etcd, own);
    await disarm(etcd, alarm);
    warnings.set('etcd-space', undefined);
    this.#log.info('space alarm ended', { sizeBytes: after.sizeBytes });
  }
}
