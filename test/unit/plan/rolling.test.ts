import { describe, expect, it } from 'vitest';
import type { HostPlan, Step } from '#src/plan/plan.ts';
import { disturbsAddress, disturbsRequests, restartsDatabase, rollingOrder } from '#src/plan/rolling.ts';

type Action = Extract<Step, { kind: 'service' }>['action'];

/** `plan('lb-1', 'reload haproxy')` */
function plan(host: string, ...steps: readonly string[]): HostPlan {
  return {
    host,
    steps: steps.map((text) => {
      const [action, service = ''] = text.split(' ');
      return { kind: 'service', action: action as Action, service, reason: '' };
    }),
    write: [],
    remove: [],
  };
}

describe('what a change means', () => {
  it('to requests: whatever ends on a web host', () => {
    for (const step of ['restart nginx', 'reload nginx', 'restart router', 'reload router', 'stop app-3'])
      expect(disturbsRequests(plan('server-1', step)), step).toBe(true);
    for (const step of ['start app-3', 'restart agent', 'restart etcd', 'reload firewall', 'restart mariadb'])
      expect(disturbsRequests(plan('server-1', step)), step).toBe(false);
  });

  it('to the floating address: a reload keeps it', () => {
    for (const step of ['restart haproxy', 'restart keepalived', 'stop keepalived'])
      expect(disturbsAddress(plan('lb-1', step)), step).toBe(true);
    for (const step of ['reload haproxy', 'reload keepalived', 'start haproxy', 'restart agent'])
      expect(disturbsAddress(plan('lb-1', step)), step).toBe(false);
  });

  it('to the database: a reload keeps its sessions', () => {
    expect(restartsDatabase(plan('server-1', 'restart mariadb'))).toBe(true);
    expect(restartsDatabase(plan('server-1', 'reload mariadb'))).toBe(false);
  });
});

describe('the order', () => {
  const order = (plans: readonly HostPlan[]) =>
    rollingOrder(
      plans.map((each) => ({ plan: each })),
      { primary: 'server-1', balancer: 'lb-1' },
    ).map((each) => each.plan.host);

  it('the primary last, when its server or its agent restarts', () => {
    expect(order([plan('server-1', 'restart mariadb'), plan('server-2', 'restart mariadb')])).toEqual([
      'server-2',
      'server-1',
    ]);
    expect(order([plan('server-1', 'restart agent'), plan('server-2', 'restart agent')])).toEqual([
      'server-2',
      'server-1',
    ]);
    expect(order([plan('server-1', 'reload nginx'), plan('server-2', 'reload nginx')])).toEqual([
      'server-1',
      'server-2',
    ]);
  });

  it('the balancer with the address after the idle one', () => {
    const all = [
      plan('lb-1', 'reload haproxy'),
      plan('lb-2', 'reload haproxy'),
      plan('server-1', 'restart mariadb'),
      plan('server-2', 'restart mariadb'),
    ];
    expect(order(all)).toEqual(['lb-2', 'server-2', 'lb-1', 'server-1']);
    expect(order([plan('lb-1', 'restart agent'), plan('lb-2', 'restart agent')])).toEqual(['lb-1', 'lb-2']);
  });
});
