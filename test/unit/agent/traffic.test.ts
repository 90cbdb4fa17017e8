/** Web hosts drained and weighted by operators: what HAProxy is told, and what is read from it. */
import { describe, expect, it } from 'vitest';
import { parseServersState, parseStat, type ServerState } from '#src/adapters/haproxy/runtime.ts';
import { figuresOf } from '#src/agent/figures/balancer.ts';
import { figuresOf as routerFigures } from '#src/agent/figures/router.ts';
import { commandsFor } from '#src/agent/traffic/decide.ts';
import { parseOverride } from '#src/agent/traffic/overrides.ts';
import type { TrafficOverride } from '#src/topology/figures.ts';

/** As HAProxy 2.6 prints it. */
const states = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change
6 web 1 server-1 10.88.0.13 2 0 2 2 10
6 web 2 server-2 10.88.0.14 2 8 1 1 9
7 web-weighted 1 server-1 10.88.0.13 2 0 5 2 10
7 web-weighted 2 server-2 10.88.0.14 2 8 1 1 9
`;
const stat = `# pxname,svname,scur,stot,status,req_tot,hrsp_5xx,econ,eresp,last_chk,ttime
https,FRONTEND,4,9,OPEN,70,2,,,,
web,server-1,0,40,UP,40,1,0,0,"Well, again",12
web,server-2,0,20,DRAIN,20,0,1,0,"Well",15
web-weighted,server-1,0,10,UP,10,0,0,0,,9
web-weighted,server-2,0,0,DRAIN,0,0,0,0,,0
`;

const clean = (backend: string, server: string, weight = 1): ServerState => ({
  backend,
  server,
  admin: 0,
  weight,
  configuredWeight: 1,
});
const both = ['web', 'web-weighted'].flatMap((backend) => [clean(backend, 'a'), clean(backend, 'b')]);
const none: ReadonlySet<string> = new Set();
const override = (host: string, more: Partial<TrafficOverride>): [string, TrafficOverride] => [
  host,
  { host, drain: false, weight: null, sinceMs: 0, by: 'olga', ...more },
];

describe('what HAProxy is told', () => {
  it('is nothing when it is as it should be', () => {
    expect(commandsFor(new Map(), both, false, none)).toEqual([]);
  });

  it('drains, and takes it back', () => {
    const commands = commandsFor(new Map([override('a', { drain: true })]), both, false, none);
    expect(commands).toEqual(['set server web/a state drain']);
    const drained = both.map((state) => (state.server === 'a' ? { ...state, admin: 8 } : state));
    expect(commandsFor(new Map(), drained, false, new Set(['a']))).toEqual(['set server web/a state ready']);
  });

  it('leaves a server alone that somebody else drained or put into maintenance', () => {
    const drained = both.map((state) => (state.server === 'b' ? { ...state, admin: 8 } : state));
    expect(commandsFor(new Map([override('a', { weight: 1 })]), drained, false, none)).toEqual([]);
    const kept = both.map((state) => (state.server === 'b' ? { ...state, admin: 1 } : state));
    expect(commandsFor(new Map(), kept, false, none)).toEqual([]);
  });

  it('sets weights before the site goes by them, and goes back to exact ones', () => {
    const change = new Map([override('b', { weight: 9 })]);
    expect(commandsFor(change, both, false, none)).toEqual([
      'set server web-weighted/b weight 9',
      'experimental-mode on; set var proc.adjusted int(1)',
    ]);
    const changed = both.map((state) =>
      state.backend === 'web-weighted' && state.server === 'b' ? { ...state, weight: 9 } : state,
    );
    expect(commandsFor(change, changed, true, none)).toEqual([]);
    expect(commandsFor(new Map(), changed, true, none)).toEqual([
      'set server web-weighted/b weight 1',
      'experimental-mode on; set var proc.adjusted int(0)',
    ]);
  });

  it('does nothing about weights where there is no weighted backend', () => {
    const passive = both.filter(({ backend }) => backend === 'web');
    expect(commandsFor(new Map([override('b', { weight: 9 })]), passive, false, none)).toEqual([]);
  });
});

describe('what is read', () => {
  it('from HAProxy: requests of both backends, the state and weight in force', () => {
    const figures = figuresOf(parseStat(stat), parseServersState(states));
    expect(figures).toMatchObject({ connections: 4, requests: 70, serverErrors: 2 });
    expect(figures.servers).toEqual([
      {
        name: 'server-1',
        state: 'up',
        weight: 5,
        configuredWeight: 2,
        requests: 50,
        errors: 1,
        latencyMs: 12,
      },
      {
        name: 'server-2',
        state: 'draining',
        weight: 1,
        configuredWeight: 1,
        requests: 20,
        errors: 1,
        latencyMs: 15,
      },
    ]);
  });

  it('from the router', () => {
    const text = [
      '# HELP tandem_router_statements_total Statements that a member answered.',
      'tandem_router_statements_total{member="server-1",class="read"} 5',
      'tandem_router_statements_total{member="server-1",class="write"} 3',
      'tandem_router_statement_seconds_sum{member="server-1",class="read"} 0.5',
      'tandem_router_statement_seconds_bucket{le="0.1",member="server-1",class="read"} 5',
      'tandem_router_sessions 4',
      'tandem_router_held_statements 1',
    ].join('\n');
    expect(routerFigures(text)).toEqual({
      clients: 0,
      sessions: 4,
      held: 1,
      errors: 0,
      members: { 'server-1': { statements: 8, tookSeconds: 0.5 } },
    });
  });

  it('from etcd: a damaged record is none', () => {
    const good = { host: 'a', drain: true, weight: 3, sinceMs: 1, by: 'x' };
    expect(parseOverride(JSON.stringify(good))).toEqual(good);
    for (const bad of [
      '',
      'null',
      '{}',
      JSON.stringify({ ...good, weight: 300 }),
      JSON.stringify({ ...good, drain: 1 }),
    ]) {
      expect(parseOverride(bad)).toBeUndefined();
    }
  });
});
