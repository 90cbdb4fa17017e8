/** Fills an empty member with a copy of another one, streamed over mutual TLS. Starts over when it was interrupted. */
import { once } from 'node:events';
import { readFile, rename, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import type { TlsFiles } from '#src/adapters/etcd/transport.ts';
import { adoptPosition } from '#src/adapters/mariadb/replication.ts';
import { runChecked } from '#src/adapters/process/run.ts';
import { clause } from '#src/std/errors.ts';
import { ports } from '#src/topology/ports.ts';
import { dataPresence, makeServers, putInPlace, setRemnantsAside, stagingDirectory } from './files.ts';
import type { DatabaseMember } from './member.ts';

/** Who gives the copy. */
export interface Donor {
  readonly name: string;
  readonly address: string;
}

/** A donor that sends nothing for so long has failed. */
const silenceMs = 30_000;

/** The donor answers, and has nothing to give at this moment. */
export class NoCopyNow extends Error {}

/** A copy that lies beside the data directory, prepared, and the position at which it goes on. */
interface Copy {
  readonly directory: string;
  readonly position: string;
}

/** Fills a member that has no data. Resolves to where remnants of earlier data are now, if there were any. */
export async function cloneDatabase(member: DatabaseMember, from: Donor): Promise<string | undefined> {
  const { dataDirectory } = member.config;
  if ((await dataPresence(dataDirectory)) === 'present') throw new Error('there is data already');
  // A server that lost its data has nothing to write down, and would hang behind commits that wait.
  await member.killServer();
  const copy = await fetchCopy(member, from);
  // Looked at again: each try to start a server, before or since, may have left something.
  const left = (await dataPresence(dataDirectory)) === 'remnants';
  const place = left ? await setRemnantsAside(dataDirectory) : undefined;
  // The marker first: without data it means "clone again", and with data it tells where to go on.
  await member.setMarker({ stackId: member.stackId, state: 'cloned', position: copy.position });
  await putInPlace(copy.directory, dataDirectory);
  return place;
}

/**
 * Replaces the data of a running member. Nothing is changed before the copy is complete; then the server is killed, the
 * directories are swapped, and it is started again, closed. The old data goes: its errant transactions were saved.
 */
export async function replaceData(member: DatabaseMember, from: Donor): Promise<void> {
  const { dataDirectory } = member.config;
  const copy = await fetchCopy(member, from);
  await member.killServer();
  await member.setMarker({ stackId: member.stackId, state: 'cloned', position: copy.position });
  // The two names change one right after the other: who looks between them sees a member without data.
  const old = `${copy.directory}.replaced`;
  await rename(dataDirectory, old);
  await putInPlace(copy.directory, dataDirectory);
  await member.startServer('MASTER');
  await finishClone(member);
  await rm(old, { recursive: true, force: true });
}

/** What a started copy still lacks: its place in the binary log. Nothing to do for any other data. */
export async function finishClone(member: DatabaseMember): Promise<void> {
  const marker = await member.marker();
  if (marker.state !== 'cloned') return;
  const position = marker.position ?? '';
  await adoptPosition(member.connection, position);
  await member.setMarker({ stackId: marker.stackId, state: 'ready' });
}

/** In the data directory's parent; whatever an earlier try left there is removed. */
async function fetchCopy(member: DatabaseMember, from: Donor): Promise<Copy> {
  const { config, log } = member;
  const directory = await stagingDirectory(config.dataDirectory);
  log.info('cloning', { from: from.name });
  const startedMs = performance.now();
  const stream = await openClone(from.address, member.peerPort, member.tls);
  await runChecked(['mbstream', '--extract', `--directory=${directory}`], {
    input: stream,
    timeoutMs: 24 * 3_600_000,
  });
  if (!stream.complete) throw new Error('the copy broke off');
  await runChecked(['mariadb-backup', '--prepare', `--target-dir=${directory}`], { timeoutMs: 3_600_000 });
  const position = await clonedPosition(directory);
  await makeServers(directory);
  log.info('cloned', { from: from.name, position, ms: Math.round(performance.now() - startedMs) });
  return { directory, position };
}

async function openClone(address: string, port: number | undefined, tls: TlsFiles): Promise<IncomingMessage> {
  const outgoing = request({
    host: address,
    port: port ?? ports.agent,
    path: '/v1/clone',
    agent: false,
    ca: tls.ca,
    cert: tls.certificate,
    key: tls.key,
    timeout: silenceMs,
  });
  outgoing.on('timeout', () => outgoing.destroy(new Error(`${address} sends nothing`)));
  // `once` listens until the answer begins; what breaks after that, the answer's reader hears as well.
  outgoing.on('error', () => undefined);
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  if (response.statusCode === 200) return response;
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8').slice(0, 500);
  throw new NoCopyNow(`${address} gives no copy now: ${clause(problemDetail(text))}`);
}

function problemDetail(text: string): string {
  try {
    return String((JSON.parse(text) as { detail?: unknown }).detail ?? text);
  } catch {
    return text;
  }
}

/** GTID position of the copy; mariadb-backup writes file, offset and position, separated by tabs. */
async function clonedPosition(directory: string): Promise<string> {
  for (const name of ['mariadb_backup_binlog_info', 'xtrabackup_binlog_info']) {
    const text = await readFile(join(directory, name), 'utf8').catch(() => undefined);
    if (text !== undefined) return parseBinlogInfo(text);
  }
  throw new Error('the copy does not say its position');
}

export function parseBinlogInfo(text: string): string {
  const position = text.trim().split('\t')[2];
  if (position === undefined || !/^\d+-\d+-\d+(,\d+-\d+-\d+)*$/.test(position)) {
    throw new Error('the copy does not say its GTID position');
  }
  return position;
}
