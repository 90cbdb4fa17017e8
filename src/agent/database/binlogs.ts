/** Purges a member's binary logs by age and size, never beyond what another member still has to receive. */
import { join } from 'node:path';
import { listBinlogs, positionAtStartOf, purgeBinlogsTo } from '#src/adapters/mariadb/binlog.ts';
import { printPosition } from '#src/gtid/position.ts';
import type { MemberReport } from '#src/ha/keys.ts';
import { firstToKeep, needsNothingBefore } from './binlogs-decide.ts';
import type { DatabaseMember } from './member.ts';

/** Undefined when nothing stands in the way; otherwise what does, for the operator. */
export async function purgeBinlogs(
  member: DatabaseMember,
  reports: Readonly<Record<string, MemberReport>>,
): Promise<string | undefined> {
  const { config, connection, log } = member;
  const index = join(config.dataDirectory, 'binlog.index');
  const files = await listBinlogs(index, config.dataDirectory);
  const policy = { expireSeconds: config.binlogExpireSeconds, maxBytes: config.binlogMaxBytes };
  const keep = firstToKeep(files, policy, Date.now());
  if (keep === undefined) return undefined;
  const start = await positionAtStartOf(connection, keep);
  for (const other of config.members.filter((each) => each.name !== member.self)) {
    const report = reports[other.name];
    if (!needsNothingBefore(start, report === undefined ? undefined : printPosition(report.received))) {
      const why = report === undefined ? 'does not say what it has' : 'has not received all of them';
      return `Binary logs can't be purged: ${other.name} ${why}.`;
    }
  }
  await purgeBinlogsTo(connection, keep);
  log.info('binary logs purged', { upTo: keep, files: files.length });
  return undefined;
}
