/** What keeps etcd's own database small and its members known: status, compaction, defragmentation, alarms. */

import { type EtcdClient, type RequestOptions, revisionOf } from './client.ts';
import { number, object, objects } from './codec.ts';

export interface MemberStatus {
  readonly endpoint: string;
  readonly memberId: string;
  readonly version: string;
  /** Size of the database file, and what of it is in use; the rest is given back by defragmentation. */
  readonly sizeBytes: number;
  readonly inUseBytes: number;
  /** Identity of the leader as this member knows it; undefined when it knows none. */
  readonly leader: string | undefined;
  readonly raftTerm: number;
  readonly revision: number;
}

export interface Alarm {
  readonly memberId: string;
  readonly alarm: 'NOSPACE' | 'CORRUPT';
}

export interface ClusterMember {
  readonly id: string;
  /** Empty until it has started for the first time. */
  readonly name: string;
  readonly clientUrls: readonly string[];
  readonly peerUrls: readonly string[];
  /** It is sent everything and has no vote. */
  readonly isLearner: boolean;
}

export async function memberStatus(
  client: EtcdClient,
  endpoint: string,
  options: RequestOptions = {},
): Promise<MemberStatus> {
  const answer = await client.callOne(endpoint, '/v3/maintenance/status', {}, options);
  const header = object(answer['header']);
  const leader = answer['leader'];
  return {
    endpoint,
    memberId: String(header['member_id']),
    version: String(answer['version']),
    sizeBytes: number(answer['dbSize']),
    inUseBytes: number(answer['dbSizeInUse']),
    leader: leader === undefined || leader === '0' ? undefined : String(leader),
    raftTerm: number(answer['raftTerm']),
    revision: revisionOf(answer),
  };
}

/** The member answers nobody while it works: one member at a time, the leader last. */
export async function defragment(client: EtcdClient, endpoint: string, timeoutMs = 30_000): Promise<void> {
  await client.callOne(endpoint, '/v3/maintenance/defragment', {}, { timeoutMs });
}

/** History before `revision` is forgotten by all members. */
export async function compact(client: EtcdClient, revision: number): Promise<void> {
  await client.repeatable(
    '/v3/kv/compaction',
    { revision: String(revision), physical: true },
    { timeoutMs: 10_000 },
  );
}

export async function alarms(client: EtcdClient): Promise<readonly Alarm[]> {
  const answer = await client.repeatable('/v3/maintenance/alarm', { action: 'GET' });
  return objects(answer['alarms']).map((raw) => ({
    memberId: String(raw['memberID']),
    alarm: raw['alarm'] === 'CORRUPT' ? 'CORRUPT' : 'NOSPACE',
  }));
}

export async function disarm(client: EtcdClient, alarm: Alarm): Promise<void> {
  await client.repeatable('/v3/maintenance/alarm', {
    action: 'DEACTIVATE',
    memberID: alarm.memberId,
    alarm: alarm.alarm,
  });
}

/** Asks the leader at `endpoint` to hand over to another member, by its identity. Refused by any other member. */
export async function moveLeader(client: EtcdClient, endpoint: string, target: string): Promise<void> {
  await client.callOne(endpoint, '/v3/maintenance/transfer-leadership', { targetID: target });
}

export async function members(client: EtcdClient): Promise<readonly ClusterMember[]> {
  const answer = await client.repeatable('/v3/cluster/member/list', {});
  return objects(answer['members']).map((raw) => ({
    id: String(raw['ID']),
    name: String(raw['name'] ?? ''),
    clientUrls: texts(raw['clientURLs']),
    peerUrls: texts(raw['peerURLs']),
    isLearner: raw['isLearner'] === true,
  }));
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

const changeMs = 5_000;

/** Makes room for a member that has no vote yet; refused while another one has none, or when it is there already. */
export async function addLearner(client: EtcdClient, peerUrl: string): Promise<void> {
  const body = { peerURLs: [peerUrl], isLearner: true };
  await client.repeatable('/v3/cluster/member/add', body, { timeoutMs: changeMs });
}

/** Refused as long as the learner lacks much of what the leader has. */
export async function promoteLearner(client: EtcdClient, id: string): Promise<void> {
  await client.repeatable('/v3/cluster/member/promote', { ID: id }, { timeoutMs: changeMs });
}

/** For ever: a member that was taken out comes back only as a new one, with an empty data directory. */
export async function removeMember(client: EtcdClient, id: string): Promise<void> {
  await client.repeatable('/v3/cluster/member/remove', { ID: id }, { timeoutMs: changeMs });
}
