/** Fills an empty member with a copy of another one, streamed over mutual TLS. Starts over when it was interrupted. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import type { TlsFiles } from '#src/adapters/etcd/transport.ts';
import { runChecked } from '#src/adapters/process/run.ts';
import { ports } from '#src/topology/ports.ts';
import { dataPresence, putInPlace, stagingDirectory } from './files.ts';
import { writeMarker } from './marker.ts';
import type { DatabaseMember } from './member.ts';

/** A donor that sends nothing for so long has failed. */
const silenceMs = 30_000;

export async function cloneDatabase(
  member: DatabaseMember,
  from: { name: string; address: string },
): Promise<void> {
  const { config, log } = member;
  if ((await dataPresence(config.dataDirectory)) === 'present') throw new Error('there is data already');
  await member.stopServer();
  const staged = await stagingDirectory(config.dataDirectory);
  log.info('cloning', { from: from.name });
  const startedMs = Date.now();
  const stream = await openClone(from.address, member.peerPort, member.tls);
  await runChecked(['mbstream', '--extract', `--directory=${staged}`], {
    input: stream,
    timeoutMs: 24 * 3_600_000,
  });
  if (!stream.complete) throw new Error('the copy broke off');
  await runChecked(['mariadb-backup', '--prepare', `--target-dir=${staged}`], { timeoutMs: 3_600_000 });
  const position = await clonedPosition(staged);
  // The marker first: without data it means "clone again", and with data it tells where to go on.
  await writeMarker(config.dataDirectory, {
    stackId: member.stackId,
    state: 'cloned',
    primary: from.name,
    position,
  });
  await putInPlace(staged, config.dataDirectory);
  log.info('cloned', { from: from.name, position, ms: Date.now() - startedMs });
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
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  if (response.statusCode === 200) return response;
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8').slice(0, 500);
  throw new Error(`${address} gives no copy now: ${problemDetail(text)}`);
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
