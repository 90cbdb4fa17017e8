/** When to give back etcd's unused space, and who should lead it; pure. */
import type { ClusterMember, MemberStatus } from '#src/adapters/etcd/maintenance.ts';

/** Below this nothing is gained. */
const leastBytes = 16 * 1024 * 1024;

/**
 * Whether this host's member should be defragmented now. It answers nobody meanwhile, so: only when every member is
 * there, one at a time (the one with the most to give back; the leader only when it is the last), and only when at
 * least half of the file is unused.
 */
export function shouldDefragment(
  own: string,
  members: readonly (MemberStatus | undefined)[],
): { readonly defragment: boolean; readonly reason: string } {
  const known = members.filter((member) => member !== undefined);
  if (known.length < members.length) return { defragment: false, reason: 'a member does not answer' };
  if (known.some((member) => member.leader === undefined)) return { defragment: false, reason: 'no leader' };
  const fragmented = known
    .filter((member) => member.sizeBytes >= leastBytes && member.inUseBytes * 2 <= member.sizeBytes)
    .sort((left, right) => rank(left) - rank(right) || right.sizeBytes - left.sizeBytes);
  const first = fragmented[0];
  if (first === undefined) return { defragment: false, reason: 'little is unused' };
  if (first.endpoint !== own) return { defragment: false, reason: `${first.endpoint} comes first` };
  return { defragment: true, reason: `${first.inUseBytes} of ${first.sizeBytes} bytes in use` };
}

function rank(member: MemberStatus): number {
  return member.leader === member.memberId ? 1 : 0;
}

/**
 * Whom this host's member should hand etcd's leadership to; undefined when it should not. The host that takes the
 * database's writes had better not lead etcd as well: when it fails, etcd would elect first, and only then notice that
 * the database's lease is over.
 */
export function betterLeader(
  self: MemberStatus,
  members: readonly ClusterMember[],
  isDatabaseHost: (name: string) => boolean,
): ClusterMember | undefined {
  if (self.leader !== self.memberId) return undefined;
  const others = members.filter((member) => member.id !== self.memberId && member.name !== '');
  return others.find((member) => !isDatabaseHost(member.name)) ?? others[0];
}
