/** etcd as one linearizable store: revisions, leases, compares; it can be down, restored from an old copy, or wiped. */
import type { EtcdEffect } from '#src/ha/effects.ts';
import type { Cluster, HistoryEntry, MemberReport, SwitchoverRequest, Sync } from '#src/ha/keys.ts';

interface Store {
  stackId: string | null;
  revision: number;
  leader: { holder: string; createRevision: number; lease: string } | null;
  sync: Sync | null;
  members: Record<string, MemberReport>;
  memberLease: Record<string, string>;
  history: readonly HistoryEntry[];
  request: SwitchoverRequest | null;
  maintenance: boolean;
}

export class EtcdModel {
  store: Store;
  up = true;
  private readonly leases = new Map<string, { expires: number; ttl: number }>();
  private leaseNumber = 0;
  private backup: Store;
  private cached: Cluster | null = null;

  constructor(store: Store) {
    this.store = store;
    this.backup = { ...store };
  }

  grant(now: number, ttl: number): string {
    const id = `l${++this.leaseNumber}`;
    this.leases.set(id, { expires: now + ttl, ttl });
    return id;
  }

  keepAlive(now: number, id: string): boolean {
    const lease = this.leases.get(id);
    if (lease === undefined) return false;
    lease.expires = now + lease.ttl;
    return true;
  }

  /** Ends leases that are over. While etcd is down none ends; when it is back they live for a full term again. */
  expire(now: number): boolean {
    if (!this.up) return false;
    let ended = false;
    for (const [id, lease] of this.leases) {
      if (lease.expires > now) continue;
      this.leases.delete(id);
      ended = this.drop(id) || ended;
    }
    return ended;
  }

  private drop(lease: string): boolean {
    let changed = false;
    if (this.store.leader?.lease === lease) {
      this.change();
      this.store.leader = null;
      changed = true;
    }
    for (const [member, held] of Object.entries(this.store.memberLease)) {
      if (held !== lease) continue;
      const { [member]: _ended, ...members } = this.store.members;
      delete this.store.memberLease[member];
      this.change();
      this.store.members = members;
      changed = true;
    }
    return changed;
  }

  goDown(): void {
    this.up = false;
  }

  comeUp(now: number): void {
    this.up = true;
    for (const lease of this.leases.values()) lease.expires = now + lease.ttl;
  }

  private change(): number {
    this.cached = null;
    return ++this.store.revision;
  }

  read(): Cluster {
    if (this.cached === null) {
      const { stackId, revision, leader, sync, members, history, request, maintenance } = this.store;
      this.cached = { stackId, revision, leader, sync, members, history, request, maintenance };
    }
    return this.cached;
  }

  report(report: MemberReport, lease: string): boolean {
    if (!this.leases.has(lease)) return false;
    this.change();
    this.store.members = { ...this.store.members, [report.member]: report };
    this.store.memberLease[report.member] = lease;
    return true;
  }

  /** A transaction; the revision when its compares held, else null. */
  transact(effect: EtcdEffect, self: string): number | null {
    const { store } = this;
    const created = store.leader?.createRevision ?? 0;
    const modified = store.sync?.modRevision ?? 0;
    switch (effect.kind) {
      case 'takeLeader': {
        if (created !== 0 || modified !== effect.syncModRevision || !this.leases.has(effect.lease))
          return null;
        const revision = this.change();
        store.leader = { holder: self, createRevision: revision, lease: effect.lease };
        return revision;
      }
      case 'releaseLeader': {
        if (created !== effect.leaderRevision || modified !== effect.syncModRevision) return null;
        store.leader = null;
        return this.change();
      }
      case 'writeSync': {
        if (created !== effect.leaderRevision || modified !== effect.syncModRevision) return null;
        const revision = this.change();
        store.sync = { ...effect.sync, modRevision: revision };
        if (effect.history !== null) {
          store.history = [...store.history, effect.history];
          store.request = null;
        }
        return revision;
      }
      case 'clearRequest': {
        if (created !== effect.leaderRevision) return null;
        store.request = null;
        return this.change();
      }
      default:
        return effect satisfies never;
    }
  }

  /** The same effect with compares that always hold: for a mutation. */
  withoutCompares(effect: EtcdEffect): EtcdEffect {
    const leaderRevision = this.store.leader?.createRevision ?? 0;
    const syncModRevision = this.store.sync?.modRevision ?? 0;
    switch (effect.kind) {
      case 'takeLeader':
        this.store.leader = null;
        return { ...effect, syncModRevision };
      case 'releaseLeader':
      case 'writeSync':
        return { ...effect, leaderRevision, syncModRevision };
      case 'clearRequest':
        return { ...effect, leaderRevision };
      default:
        return effect satisfies never;
    }
  }

  /** What a person writes. */
  ask(request: SwitchoverRequest): void {
    this.change();
    this.store.request = request;
  }

  setMaintenance(on: boolean): void {
    this.change();
    this.store.maintenance = on;
  }

  takeBackup(): void {
    this.backup = {
      ...this.store,
      members: { ...this.store.members },
      memberLease: { ...this.store.memberLease },
    };
  }

  /** Back to the backup, revisions included; no lease outlives it. */
  restore(): void {
    this.store = { ...this.backup, members: {}, memberLease: {}, leader: null };
    this.leases.clear();
    this.cached = null;
  }

  wipe(): void {
    this.store = {
      stackId: null,
      revision: 1,
      leader: null,
      sync: null,
      members: {},
      memberLease: {},
      history: [],
      request: null,
      maintenance: false,
    };
    this.leases.clear();
    this.cached = null;
  }
}
