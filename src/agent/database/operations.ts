/**
 * What an operator asks of the database. Each is checked against a linearizable read first and refused whole, with the
 * reason and the way that works; what is accepted is a record in etcd, which the decision core acts on.
 */
import { randomUUID } from 'node:crypto';
import { EtcdError } from '#src/adapters/etcd/errors.ts';
import { printPosition } from '#src/gtid/position.ts';
import { failoverPossible } from '#src/ha/failover-possible.ts';
import { type Cluster, type SwitchoverRequest, type Sync, standbyOf } from '#src/ha/keys.ts';
import {
  decodeHistoryRecords,
  encodeRequest,
  encodeSync,
  type HistoryRecord,
  type MaintenanceRecord,
  storeKeys,
  storePrefix,
  UnreadableRecord,
} from '#src/ha/store-format.ts';
import { Problem } from '../api/problem.ts';
import type { DatabaseConcern } from './concern.ts';

const limitMs = 2_000;

/** Refused: what was asked for would not work, or would harm. */
function refuse(why: string): never {
  throw new Problem(409, 'Refused', why);
}

interface Known {
  readonly cluster: Cluster;
  readonly sync: Sync;
}

/** Throws a `Problem` when etcd does not answer, or with something that can't be understood. */
async function fromEtcd<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof UnreadableRecord)
      throw new Problem(503, 'Unreadable record', `${error.message}; nothing was changed.`);
    if (!(error instanceof EtcdError)) throw error;
    throw new Problem(503, 'No quorum', `etcd does not answer (${error.message}); nothing was changed.`);
  }
}

async function read(database: DatabaseConcern): Promise<Known> {
  const cluster = await fromEtcd(() => database.store.read(limitMs));
  const { sync } = cluster;
  if (sync === null) {
    refuse(
      "etcd has no records of this database: they were wiped. What runs goes on, and nothing can be promoted. Restore etcd's data from a backup while all agents run (docs/operations.md).",
    );
  }
  return { cluster, sync };
}

export interface SwitchoverAccepted {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly epoch: number;
}

/** Body: `{to?: HOST}`; without it, the sync standby. */
export async function requestSwitchover(
  database: DatabaseConcern,
  body: unknown,
): Promise<SwitchoverAccepted> {
  const { cluster, sync } = await read(database);
  const { config } = database.member;
  const names = config.members.map(({ name }) => name);
  const asked = wantedHost(body, names);
  const to = asked ?? standbyOf(sync) ?? undefined;
  if (cluster.maintenance) refuse("Maintenance is on; 'tandem maintenance off' ends it.");
  if (cluster.leader === null || cluster.leader.holder !== sync.leader) {
    refuse("Nobody leads at the moment: wait for the failover to end ('tandem status').");
  }
  if (cluster.request !== null) {
    refuse(`A switchover to ${cluster.request.to} is under way; see 'tandem status'.`);
  }
  const possible = failoverPossible(cluster, config.sync);
  if (to === undefined)
    refuse(`There is nobody to switch over to: ${possible.possible ? 'no standby' : possible.reason}.`);
  if (to === sync.leader) refuse(`${to} is the primary already.`);
  const report = cluster.members[to];
  if (report === undefined || !report.up)
    refuse(`${to} is down, or its agent does not report: bring it back first.`);
  if (report.problem !== null) refuse(`${to} can't lead: ${report.problem}.`);
  if (report.following !== sync.leader || !report.sqlRunning) {
    refuse(`${to} does not follow ${sync.leader}: wait until it does ('tandem status').`);
  }
  const others = names.filter((name) => name !== sync.leader);
  if (config.sync !== 'async' && standbyOf(sync) === null && others.length === 1) {
    refuse(`${to} is not the sync standby yet: ${possible.possible ? '' : possible.reason}.`);
  }
  const id = randomUUID();
  const request = { id, to, epoch: sync.epoch };
  await write(database, {
    compare: [
      { target: 'createRevision', key: storeKeys.request, number: 0 },
      { target: 'modRevision', key: storeKeys.sync, number: sync.modRevision },
      { target: 'createRevision', key: storeKeys.leader, number: cluster.leader.createRevision },
    ],
    success: [{ op: 'put', key: storeKeys.request, value: encodeRequest(request) }],
  });
  return { id, from: sync.leader, to, epoch: sync.epoch };
}

/** The one that is under way; null for none. */
export async function currentSwitchover(database: DatabaseConcern): Promise<SwitchoverRequest | null> {
  return (await read(database)).cluster.request;
}

/** Withdraws a switchover that has not begun to hand over. */
export async function cancelSwitchover(database: DatabaseConcern): Promise<void> {
  await write(database, { compare: [], success: [{ op: 'delete', key: storeKeys.request }] });
}

export interface ForcedFailover {
  readonly to: string;
  /** What may be lost, in a sentence. */
  readonly risk: string;
}

/**
 * Body: `{to?: HOST, confirmed: boolean}`. Lets a member lead although it may lack acknowledged writes; without
 * `confirmed` it only says what may be lost.
 */
export async function forceFailover(database: DatabaseConcern, body: unknown): Promise<ForcedFailover> {
  const { cluster, sync } = await read(database);
  const names = database.member.config.members.map(({ name }) => name);
  if (cluster.maintenance) refuse("Maintenance is on; 'tandem maintenance off' ends it.");
  if (cluster.leader !== null) {
    refuse(
      `${cluster.leader.holder} leads: there is no need for force. 'tandem switchover' moves the role without loss.`,
    );
  }
  const possible = failoverPossible(cluster, database.member.config.sync);
  if (possible.possible)
    refuse(`${possible.to} has every acknowledged write and takes over by itself: no force is needed.`);
  const to = wantedHost(body, names) ?? furthest(cluster);
  if (to === undefined) refuse('No member reports: bring one back first.');
  const report = cluster.members[to];
  if (report === undefined || !report.up)
    refuse(`${to} is down, or its agent does not report: bring it back first.`);
  const risk = riskOf(cluster, sync, to);
  if ((body as { confirmed?: unknown }).confirmed !== true) return { to, risk };
  const { modRevision, ...value } = sync;
  const mayAcknowledge = [...new Set([...sync.mayAcknowledge, ...sync.members])].filter(
    (name) => name !== to,
  );
  await write(database, {
    compare: [
      { target: 'createRevision', key: storeKeys.leader, number: 0 },
      { target: 'modRevision', key: storeKeys.sync, number: modRevision },
    ],
    success: [
      {
        op: 'put',
        key: storeKeys.sync,
        value: encodeSync({ ...value, members: [to], joining: null, mayAcknowledge }),
      },
      { op: 'delete', key: storeKeys.request },
    ],
  });
  return { to, risk };
}

function riskOf(cluster: Cluster, sync: Sync, to: string): string {
  const received = printPosition(cluster.members[to]?.received ?? []);
  const certain = sync.members.join(' and ');
  return `${certain} certainly ${sync.members.length === 1 ? 'has' : 'have'} every acknowledged write of epoch ${sync.epoch}; ${to} has received up to ${received}. What was acknowledged after that is lost to the site; it stays in the files of ${certain}, and is saved as SQL there when that member comes back.`;
}

function furthest(cluster: Cluster): string | undefined {
  const up = Object.values(cluster.members).filter((report) => report.up);
  const sum = (report: (typeof up)[number]): number =>
    report.received.reduce((all, gtid) => all + gtid.sequence, 0);
  return up.toSorted((a, b) => sum(b) - sum(a))[0]?.member;
}

/** Null ends it. */
export async function setMaintenance(
  database: DatabaseConcern,
  record: MaintenanceRecord | null,
): Promise<void> {
  const key = storeKeys.maintenance;
  await write(database, {
    compare: [],
    success: [record === null ? { op: 'delete', key } : { op: 'put', key, value: JSON.stringify(record) }],
  });
}

/** Copies this member anew; what only it has is saved first. Answers before the work begins. */
export async function requestRejoin(database: DatabaseConcern): Promise<{ readonly from: string }> {
  const { cluster, sync } = await read(database);
  const { self, config } = database.member;
  if (sync.leader === self) refuse(`${self} is the primary: switch over first ('tandem switchover').`);
  if (sync.members.includes(self)) {
    refuse(`${self} is the sync standby and has every acknowledged write: there is nothing to rejoin.`);
  }
  if (cluster.leader === null) refuse('Nobody leads at the moment: a copy needs a primary.');
  const replica = config.members.find(({ name }) => {
    const report = cluster.members[name];
    return name !== self && name !== sync.leader && report?.up === true && report.problem === null;
  });
  const from = replica?.name ?? sync.leader;
  const marker = await database.member.marker();
  if (marker.stackId !== database.member.stackId)
    refuse(`The data of ${self} belongs to another stack: move it away first.`);
  database.rejoin(from);
  return { from };
}

/** Who leads, who may be promoted, who may acknowledge. */
export async function readSync(database: DatabaseConcern): Promise<Sync> {
  return (await read(database)).sync;
}

export async function readHistory(database: DatabaseConcern): Promise<readonly unknown[]> {
  const records = await fromEtcd(async () => {
    const { kvs } = await database.etcd.range(storePrefix, { prefix: true, timeoutMs: limitMs });
    return decodeHistoryRecords(kvs);
  });
  return records.map((entry: HistoryRecord) => ({ ...entry, start: printPosition(entry.start) }));
}

async function write(
  database: DatabaseConcern,
  request: Parameters<DatabaseConcern['etcd']['txn']>[0],
): Promise<void> {
  try {
    const { succeeded } = await database.etcd.txn(request, { timeoutMs: limitMs });
    if (!succeeded) refuse('The database changed its state in between, so nothing was done: ask again.');
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    throw new Problem(
      503,
      'No quorum',
      `etcd did not take it (${error.message}); 'tandem status' shows whether it did.`,
    );
  }
}

function wantedHost(body: unknown, names: readonly string[]): string | undefined {
  const to = (body as { to?: unknown }).to;
  if (to === undefined || to === null) return undefined;
  if (typeof to === 'string' && names.includes(to)) return to;
  return refuse(`${JSON.stringify(to)} is no database member; the members are ${names.join(', ')}.`);
}
