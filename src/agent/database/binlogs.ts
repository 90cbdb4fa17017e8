/** Purges the primary's binary logs by age and size, never beyond what another member still has to receive. */
import { join } from 'node:path';
import { askAgent } from '#src/adapters/agent-client.ts';
import { listBinlogs, positionAtStartOf, purgeBinlogsTo } from '#src/adapters/mariadb/binlog.ts';
import { firstToKeep, needsNothingBefore } from './binlogs-decide.ts';
import type { DatabaseMember } from './member.ts';

/** Undefined when nothing stands in the way; otherwise what does, for the operator. */
export async function purgeBinlogs(
  member: DatabaseMember,
  receivedBy: (address: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  const { config, connection, log } = member;
  const index = join(config.dataDirectory, 'binlog.index');
  const files = await listBinlogs(index, config.dataDirectory);
  const policy = { expireSeconds: config.binlogExpireSeconds, maxBytes: config.binlogMaxBytes };
  const keep = firstToKeep(files, policy, Date.now());
  if (keep === undefined) return undefined;
  const start = await positionAtStartOf(connection, keep);
  for (const other of config.members.filter((each) => each.name !== member.self)) {
    const received = await receivedBy(other.address).catch(() => undefined);
    if (!needsNothingBefore(start, received)) {
      const why = received === undefined ? 'does not say what it has' : 'has not received all of them';
      return `Binary logs can't be purged: ${other.name} ${why}.`;
    }
  }
  await purgeBinlogsTo(connection, keep);
  log.info('binary logs purged', { upTo: keep, files: files.length });
  return undefined;
}

/** What the member at `address` has received, as its agent says. */
export async function askReceived(member: DatabaseMember, address: string): Promise<string | undefined> {
  const { ca, certificate, key } = member.tls;
  const port = member.peerPort === undefined ? {} : { port: member.peerPort };
  const ask = { path: '/v1/database', timeoutMs: 2_000, ...port };
  const { status, body } = await askAgent(address, { ca, certificate, key }, ask);
  if (status !== 200) return undefined;
  const received = (body as { receivedPosition?: unknown }).receivedPosition;
  return typeof received === 'string' ? received : undefined;
}
