/** A lab's dashboard, as a point uses it: operators of each role with passwords, and requests in their names. */
import type { StackFile } from '#src/spec/schema.ts';
import { ports } from '#src/topology/ports.ts';
import type { Lab } from '#test/support/lab.ts';
import type { DashboardSession, Target } from './client.ts';

export const operators = ['admin', 'olga', 'victor'] as const;
export type OperatorName = (typeof operators)[number];

export function withOperators(stack: StackFile): StackFile {
  return {
    ...stack,
    dashboard: {
      operators: [
        { name: 'admin', role: 'admin' },
        { name: 'olga', role: 'operator' },
        { name: 'victor', role: 'viewer' },
      ],
    },
  };
}

export async function targetOf(lab: Lab, address?: string): Promise<Target> {
  const { site } = await lab.status();
  return { origin: `https://${address ?? site.address}:${ports.dashboard}`, ca: await lab.ca() };
}

/** New passwords for all, as an operator of the command line makes them. */
export async function passwordsOf(lab: Lab): Promise<Record<OperatorName, string>> {
  const made: Partial<Record<OperatorName, string>> = {};
  for (const name of operators) {
    const text = await lab.expect('dashboard', 'passwd', name);
    made[name] = /logs in with (\S+)/.exec(text)?.[1] ?? '';
  }
  return made as Record<OperatorName, string>;
}

export interface StateView {
  readonly servedBy: string;
  readonly database: {
    readonly primary: string | null;
    readonly epoch: number | null;
    readonly maintenance: object | null;
    readonly members: readonly { host: string; role: string; sync: boolean }[];
    readonly failover: { readonly possible: boolean };
  };
  readonly web: readonly { host: string; state: string; weight: number; configuredWeight: number }[];
  readonly hosts: readonly {
    name: string;
    reachable: boolean;
    services: readonly { name: string; state: string; sinceMs: number; restarts: number }[];
    faults: readonly { kind: string; service: string | null }[];
  }[];
  readonly healthy: boolean;
  readonly problems: readonly string[];
}

export async function stateOf(session: DashboardSession, target?: Target): Promise<StateView> {
  const answer = await session.ask('/api/v1/state', {}, target);
  if (answer.status !== 200) throw new Error(`state answered ${answer.status}: ${answer.body}`);
  return JSON.parse(answer.body) as StateView;
}
