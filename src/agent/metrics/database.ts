/** The database member of this host in figures. */
import { readdir } from 'node:fs/promises';
import { isEpochServerId, standbyOf } from '#src/ha/keys.ts';
import { diverged } from '#src/ha/problems.ts';
import type { State } from '#src/ha/state.ts';
import { viewOf } from '#src/ha/view.ts';
import type { DatabaseConcern } from '../database/concern.ts';
import { errantDirectory } from '../ha/errant.ts';
import { one, type Readings, type Sample } from './gauges.ts';

export function databaseReadings(readings: Readings, database: DatabaseConcern): void {
  const prefix = 'tandem_database_';
  const gauge = (name: string, help: string, read: () => Iterable<Sample> | Promise<Iterable<Sample>>) =>
    readings.gauge(`${prefix}${name}`, help, [], read);
  const labelled = (name: string, label: string, help: string, value: () => string | null | undefined) =>
    readings.gauge(`${prefix}${name}`, help, [label], () => {
      const text = value();
      return text == null ? [] : [[{ [label]: text }, 1]];
    });
  const status = () => database.status;
  const state = () => database.driver?.state;
  gauge('primary', '1 when this member is the primary and takes writes.', () =>
    one(status().role === 'primary' && database.writable),
  );
  labelled(
    'role',
    'role',
    '1 for the role that this member has: primary, replica, unknown.',
    () => status().role,
  );
  gauge('ready', '1 when this member is in order for its role.', () => one(status().ready));
  gauge('sync_standby', "1 when this member acknowledges the primary's commits and may be promoted.", () =>
    one(status().sync),
  );
  gauge('following', '1 when this member replicates without an error; absent on the primary.', () =>
    status().role === 'replica' ? one(status().lagSeconds !== null) : [],
  );
  gauge('lag_seconds', 'Seconds behind the primary; absent when unknown.', () => one(status().lagSeconds));
  gauge('epoch', 'The epoch that this member knows; 0 when it knows none.', () => one(status().epoch ?? 0));
  gauge('failover_possible', '1 when a failover would succeed now.', () => one(status().failover.possible));
  labelled('failover_obstacle', 'reason', 'What a failover would lack; absent when it would succeed.', () =>
    status().failover.possible ? null : status().failover.reason,
  );
  gauge(
    'degraded',
    '1 when this member leads without a sync standby although database.sync asks for one.',
    () => one(degraded(state())),
  );
  labelled(
    'problem',
    'problem',
    'What keeps this member from leading; absent when nothing does.',
    () => state()?.reported?.problem,
  );
  gauge(
    'errant_transactions',
    '1 when this member has transactions that the present epoch does not contain.',
    () => one(errant(state())),
  );
  gauge('errant_files', 'Files with transactions that were taken out of this member and saved.', async () =>
    one(await errantFiles(database)),
  );
  readings.gauge('tandem_maintenance', '1 while maintenance is on: nothing fails over by itself.', [], () =>
    one(state()?.cluster?.value.maintenance),
  );
}

/** Undefined while etcd has not been read. */
function degraded(state: State | undefined): boolean | undefined {
  const sync = state?.cluster?.value.sync;
  if (state === undefined || sync == null) return undefined;
  const { mode, members, self } = state.config;
  return mode !== 'async' && members.length > 1 && sync.leader === self && standbyOf(sync) === null;
}

/**
 * Beyond the epoch's beginning, or written here: a replica's own writes carry its own server id, every epoch's carry the
 * epoch's (src/ha/keys.ts).
 */
function errant(state: State | undefined): boolean | undefined {
  const server = state?.database?.value;
  if (state === undefined || server?.state !== 'up') return undefined;
  return diverged(viewOf(state)) || server.applied.some((gtid) => !isEpochServerId(gtid.server));
}

async function errantFiles(database: DatabaseConcern): Promise<number> {
  const names = await readdir(errantDirectory(database.member.config.dataDirectory)).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    },
  );
  return names.length;
}
