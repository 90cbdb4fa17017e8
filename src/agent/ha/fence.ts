/**
 * Closes the path from this host to another member's server for the time of one statement. Stopping a semi-sync IO
 * thread makes MariaDB connect to its source, to end the stream there: with a source that is frozen or cut off that
 * takes 1 to 2 s (docs/mariadb-behaviour.md), and at once when the connection is refused.
 */
import { isIPv4 } from 'node:net';
import { run } from '#src/adapters/process/run.ts';
import { serverUser } from '../database/files.ts';
import type { DatabaseMember } from '../database/member.ts';

const nftTimeoutMs = 1_000;

export async function withPathClosed<T>(
  member: DatabaseMember,
  address: string,
  work: () => Promise<T>,
): Promise<T> {
  // A path over loopback is never cut off.
  if (!isIPv4(address) || address.startsWith('127.')) return work();
  // A table of its own: it can't be mistaken for, nor left behind in, the host's ruleset.
  const table = `inet tandem_fence_${address.replaceAll('.', '_')}`;
  // The server's own connections: an application on this host may be at work with the other one.
  const target = `meta skuid ${serverUser} ip daddr ${address} tcp dport ${member.config.port}`;
  const closed = await nft(
    [
      `table ${table} {}`,
      `delete table ${table}`,
      `table ${table} {`,
      '  chain output {',
      '    type filter hook output priority -10; policy accept;',
      `    ${target} reject with tcp reset`,
      '  }',
      '}',
    ].join('\n'),
  );
  try {
    return await work();
  } finally {
    if (closed) await nft(`delete table ${table}`);
  }
}

/** Without nftables the statement takes longer, nothing else. */
async function nft(script: string): Promise<boolean> {
  try {
    return (await run(['nft', '-f', '-'], { input: `${script}\n`, timeoutMs: nftTimeoutMs })).code === 0;
  } catch {
    return false;
  }
}
