/** One step of a replica: closed for writes, attached to the primary by GTID, acknowledging what it received. */
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { probe, type ReplicaStatus, replicaStatus, type ServerProbe } from '#src/adapters/mariadb/observe.ts';
import {
  changeSource,
  restartReceiver,
  setAppliedPosition,
  setReadOnly,
  setReplicaSide,
  setSourceSide,
  startReplication,
  stopReplication,
} from '#src/adapters/mariadb/replication.ts';
import { replicationAccount } from './accounts.ts';
import { type DataMarker, writeMarker } from './marker.ts';
import type { DatabaseMember } from './member.ts';
import { readPasswords } from './passwords.ts';

export interface FollowResult {
  readonly probe: ServerProbe;
  readonly status: ReplicaStatus | undefined;
}

/**
 * Called before both stopped threads are started: in GTID mode that deletes the relay log. Here the primary still has
 * everything; failover must save or replay it first.
 */
export type BeforeThreadsStart = (member: DatabaseMember) => Promise<void>;

export async function follow(
  member: DatabaseMember,
  marker: DataMarker,
  primary: { readonly name: string; readonly address: string },
  beforeThreadsStart: BeforeThreadsStart = async () => undefined,
): Promise<FollowResult> {
  const { connection, config, log } = member;
  const seen = await probe(connection);
  if (!seen.readOnly) await setReadOnly(connection, true);
  if (seen.sourceEnabled) await setSourceSide(connection, false);
  let status = await replicaStatus(connection);
  const attached = status?.sourceHost === primary.address && status.sourcePort === config.port;
  if (marker.state === 'cloned' || status === undefined || !attached || !status.usesGtid || !status.tls) {
    if (status !== undefined) await stopReplication(connection);
    if (marker.state === 'cloned') await setAppliedPosition(connection, marker.position ?? '');
    await attach(member, primary.address);
    if (marker.state === 'cloned') {
      await writeMarker(config.dataDirectory, {
        stackId: marker.stackId,
        state: 'ready',
        primary: primary.name,
      });
    }
    log.info('attached', { primary: primary.name });
    status = await replicaStatus(connection);
  }
  if (!seen.replicaEnabled && config.sync !== 'async') {
    await setReplicaSide(connection, true);
    if (status?.ioThread !== 'stopped' && status?.sqlThread === 'running') await restartReceiver(connection);
  }
  // The server tries again only once a second, and commits on the primary wait for it meanwhile.
  if (status?.ioThread === 'connecting' && status.sqlThread === 'running') {
    if (await accepts(primary.address, config.port)) await restartReceiver(connection);
    status = await replicaStatus(connection);
  }
  if (status?.ioThread === 'stopped' && status.lastError === undefined) {
    if (status.sqlThread === 'stopped') await beforeThreadsStart(member);
    await startReplication(connection);
    status = await replicaStatus(connection);
  }
  return { probe: { ...seen, readOnly: true }, status };
}

/** A receiver that hangs in a connection attempt can't be stopped soon; so only one that would succeed is started. */
function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 100 });
    const done = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => done(true));
    socket.once('timeout', () => done(false));
    socket.once('error', () => done(false));
  });
}

async function attach(member: DatabaseMember, address: string): Promise<void> {
  const { config } = member;
  await changeSource(member.connection, {
    host: address,
    port: config.port,
    user: replicationAccount,
    password: (await readPasswords(config.passwordsFile)).replication,
    ca: join(dirname(config.optionFile), 'ca.pem'),
  });
}
