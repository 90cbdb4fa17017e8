import { describe, expect, test } from 'vitest';
import { suspectsOf } from '#src/agent/database/lost-replicas.ts';
import { parseTcpTable } from '#src/agent/database/tcp-table.ts';
import type { MemberReport } from '#src/ha/keys.ts';
import type { RunningServer } from '#src/ha/observation.ts';

describe('parseTcpTable', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0B004D0A:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 21040 1 0000000000000000 100 0 0 10 0
   1: 0B004D0A:0CEA 0C004D0A:9D78 01 000000A2:00000000 01:00000312 00000005   101        0 22513 3 0000000000000000 1711 4 30 1 7
   2: 0B004D0A:9D7A 0C004D0A:0CEA 01 00000000:00000000 02:000A7D8C 00000000     0        0 22517 2 0000000000000000 20 4 30 10 -1
   3: 0B004D0A:9D7C 0C004D0A:0CEA 06 00000000:00000000 03:000A7D8C 00000000     0        0 0 3 0000000000000000
`;

  test('gives the other ends of established connections, and how often they were sent to in vain', () => {
    expect(parseTcpTable(table)).toEqual([
      { remote: '10.77.0.12:40312', retransmissions: 5 },
      { remote: '10.77.0.12:3306', retransmissions: 0 },
    ]);
  });

  test('an empty table has none', () => {
    expect(parseTcpTable(table.split('\n')[0] ?? '')).toEqual([]);
  });
});

describe('suspectsOf', () => {
  const server = { state: 'up', replicas: ['b', 'c'] } as unknown as RunningServer;
  const following = (name: string | null) => ({ following: name }) as MemberReport;

  test('replicas that follow are none', () => {
    expect(suspectsOf('a', { server, members: { b: following('a'), c: following('a') } })).toEqual([]);
  });

  test('those that say nothing, or that they follow nobody, are', () => {
    expect(suspectsOf('a', { server, members: { c: following(null) } })).toEqual(['b', 'c']);
  });

  test('nobody is while the server does not answer', () => {
    expect(suspectsOf('a', { server: { state: 'silent' }, members: {} })).toEqual([]);
    expect(suspectsOf('a', undefined)).toEqual([]);
  });
});
