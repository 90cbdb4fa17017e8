/**
 * The block-list as nftables rules: dropped before connection tracking, in both directions, so that connections that
 * are open fall silent too. One set per family and prefix length: within one, networks never overlap, so each keeps its
 * own end. Pure.
 */
import { type BlockEntry, isActive } from './entries.ts';
import { parseNetwork } from './network.ts';

export const blocklistTable = 'tandem_blocklist';

export function blocklistRuleset(entries: Iterable<BlockEntry>, nowMs: number): string {
  const sets = new Map<string, { family: 4 | 6; elements: string[] }>();
  for (const entry of entries) {
    const network = parseNetwork(entry.address);
    if (network === undefined || !isActive(entry, nowMs)) continue;
    const name = `v${network.family}_${network.prefixLength}`;
    const set = sets.get(name) ?? { family: network.family, elements: [] };
    set.elements.push(network.text + timeout(entry, nowMs));
    sets.set(name, set);
  }
  const named = [...sets].sort(([a], [b]) => (a < b ? -1 : 1));
  const rules = (direction: 'saddr' | 'daddr') =>
    named.map(([name, set]) => `    ${set.family === 4 ? 'ip' : 'ip6'} ${direction} @${name} counter drop`);
  return `${[
    // Adding it first lets one file replace the table whether it is there or not, in one transaction.
    `table inet ${blocklistTable}`,
    `delete table inet ${blocklistTable}`,
    `table inet ${blocklistTable} {`,
    ...named.flatMap(([name, set]) => [
      `  set ${name} {`,
      `    type ${set.family === 4 ? 'ipv4_addr' : 'ipv6_addr'}`,
      '    flags interval, timeout',
      `    elements = { ${[...set.elements].sort().join(', ')} }`,
      '  }',
    ]),
    '  chain incoming {',
    '    type filter hook prerouting priority raw; policy accept;',
    '    iifname "lo" accept',
    ...rules('saddr'),
    '  }',
    '  chain outgoing {',
    '    type filter hook output priority raw; policy accept;',
    '    oifname "lo" accept',
    ...rules('daddr'),
    '  }',
    '}',
  ].join('\n')}\n`;
}

function timeout(entry: BlockEntry, nowMs: number): string {
  if (entry.untilMs === null) return '';
  return ` timeout ${Math.max(1, Math.ceil((entry.untilMs - nowMs) / 1_000))}s`;
}
