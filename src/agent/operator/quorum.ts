/** Changes of etcd's own members, as the operator's tool asks for them: one at a time, and never into a quorum without a majority. */
import type { EtcdClient } from '#src/adapters/etcd/client.ts';
import { EtcdError } from '#src/adapters/etcd/errors.ts';
import {
  addLearner,
  type ClusterMember,
  memberStatus,
  members,
  moveLeader,
  promoteLearner,
  removeMember,
} from '#src/adapters/etcd/maintenance.ts';
import type { QuorumMember } from '#src/topology/known-hosts.ts';
import { Problem } from '../api/problem.ts';

const answerMs = 1_500;

export async function quorumMembers(etcd: EtcdClient): Promise<readonly QuorumMember[]> {
  const found = await members(etcd);
  return Promise.all(
    found.map(async (member) => {
      const { id, name, peerUrls, isLearner } = member;
      return { id, name, peerUrls, isLearner, isHealthy: await answers(etcd, member) };
    }),
  );
}

async function answers(etcd: EtcdClient, { clientUrls }: ClusterMember): Promise<boolean> {
  const [endpoint] = clientUrls;
  if (endpoint === undefined) return false;
  const status = await memberStatus(etcd, endpoint, { timeoutMs: answerMs }).catch(() => undefined);
  return status?.leader !== undefined;
}

/** Repeating it changes nothing. */
export async function admit(etcd: EtcdClient, peerUrl: string): Promise<readonly QuorumMember[]> {
  const before = await quorumMembers(etcd);
  const other = before.find(({ isLearner, peerUrls }) => isLearner && !peerUrls.includes(peerUrl));
  if (other !== undefined) {
    throw new Problem(
      409,
      'Refused',
      `${nameOf(other)} is just joining the quorum: one member joins at a time.`,
    );
  }
  if (!before.some(({ peerUrls }) => peerUrls.includes(peerUrl))) await addLearner(etcd, peerUrl);
  return quorumMembers(etcd);
}

/** False while it lacks too much of what the others have. */
export async function giveVote(etcd: EtcdClient, id: string): Promise<boolean> {
  try {
    await promoteLearner(etcd, id);
    return true;
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    const member = (await members(etcd)).find((each) => each.id === id);
    if (member === undefined) throw new Problem(404, 'No such member', 'The quorum has no such member.');
    return !member.isLearner;
  }
}

/** Refused when those that would be left have no majority that answers. */
export async function dismiss(etcd: EtcdClient, id: string): Promise<readonly QuorumMember[]> {
  const before = await quorumMembers(etcd);
  const member = before.find((each) => each.id === id);
  if (member === undefined) return before;
  const left = before.filter((each) => each.id !== id && !each.isLearner);
  const healthy = left.filter(({ isHealthy }) => isHealthy);
  if (!member.isLearner && healthy.length * 2 <= left.length) {
    const silent = left.filter(({ isHealthy }) => !isHealthy).map(nameOf);
    throw new Problem(
      409,
      'Refused',
      `Without ${nameOf(member)} the quorum would have no majority: ${silent.join(' and ')} ${silent.length === 1 ? 'does' : 'do'} not answer. Bring ${silent.length === 1 ? 'it' : 'them'} back first.`,
    );
  }
  await handLeadershipOver(etcd, id);
  await removeMember(etcd, id).catch(async (error) => {
    // Another try may have been the one that was carried out.
    if ((await members(etcd)).some((each) => each.id === id)) throw error;
  });
  return quorumMembers(etcd);
}

/** A leader that is taken out costs an election. Only a matter of speed. */
async function handLeadershipOver(etcd: EtcdClient, id: string): Promise<void> {
  const all = await members(etcd);
  const [endpoint] = all.find((each) => each.id === id)?.clientUrls ?? [];
  const other = all.find((each) => each.id !== id && !each.isLearner && each.name !== '');
  if (endpoint === undefined || other === undefined) return;
  const status = await memberStatus(etcd, endpoint, { timeoutMs: answerMs }).catch(() => undefined);
  if (status?.leader !== id) return;
  await moveLeader(etcd, endpoint, other.id).catch(() => undefined);
}

function nameOf({ name, peerUrls }: QuorumMember): string {
  return name === '' ? (peerUrls[0] ?? 'a member') : name;
}
