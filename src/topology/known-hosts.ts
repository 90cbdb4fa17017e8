/** Which hosts a stack is on, as `up` notes it in etcd: by it the next `up` knows a host that is no longer in the file. */
import type { Role } from '#src/spec/schema/hosts.ts';

export interface KnownHost {
  readonly name: string;
  readonly address: string;
  readonly roles: readonly Role[];
  readonly weight: number;
  /** OpenSSH destination; null for a lab host. */
  readonly ssh: string | null;
  readonly interface: string;
  /**
   * `joining`: it was begun with, and has not been seen healthy yet. `out`: it has given up every role, and the others may
   * forget it.
   */
  readonly state: 'joining' | 'in' | 'out';
}

export interface KnownHosts {
  readonly hosts: readonly KnownHost[];
}

/** A member of etcd (`GET /v1/quorum`). */
export interface QuorumMember {
  readonly id: string;
  /** Empty until it has started for the first time. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** It has no vote yet. */
  readonly isLearner: boolean;
  /** It answers, and knows the leader. */
  readonly isHealthy: boolean;
}
