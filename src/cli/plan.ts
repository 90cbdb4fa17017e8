import type { Command } from 'commander';
import type { Growth } from '#src/plan/growth.ts';
import type { HostPlan, Step } from '#src/plan/plan.ts';
import { deriveFlows, type Flow } from '#src/topology/flows.ts';
import { type Departure, departures } from '#src/topology/monitoring-flows.ts';
import { openStack } from './open.ts';
import { print, table } from './output.ts';

export function register(program: Command): void {
  program
    .command('plan')
    .description("what 'up' would do; changes nothing")
    .option('--flows', 'who may talk to whom: what the firewalls let through')
    .option('--json', 'for scripts')
    .action(async (options: { flows?: boolean; json?: boolean }, self: Command) => {
      const stack = await openStack(self);
      if (options.flows) {
        const flows = deriveFlows(stack.spec);
        const out = stack.spec.hosts.flatMap((host) => departures(stack.spec, host));
        const text = () => renderFlows([...flows, ...out], stack.spec.network.operators);
        print(options.json ? JSON.stringify(flows, null, 2) : text());
        return;
      }
      const growth = await stack.growth();
      const plans = await stack.plan();
      const { joining, leaving } = growth;
      const gone = growth.gone.map(({ name }) => name);
      const report = { joining, leaving, gone, hosts: plans.map(withoutContent) };
      print(options.json ? JSON.stringify(report, null, 2) : renderPlan(growth, plans));
    });
}

/** File contents may be secrets; the steps name the files. */
function withoutContent({ host, steps }: HostPlan): { host: string; steps: readonly Step[] } {
  return { host, steps };
}

function renderPlan(growth: Growth, plans: readonly HostPlan[]): string {
  const moves = describeMoves(growth);
  const changed = plans.filter((plan) => plan.steps.length > 0);
  if (moves.length + changed.length === 0) return 'Nothing to do: every host is as the stack file says.';
  return [
    ...moves,
    ...(moves.length > 0 ? [''] : []),
    ...changed.flatMap((plan) => [plan.host, ...plan.steps.map((step) => `  ${describe(step)}`), '']),
  ].join('\n');
}

/** Hosts that come and go, before what changes on those of the stack file. */
function describeMoves({ joining, leaving, gone }: Growth): readonly string[] {
  return [
    ...joining.map(({ host, roles }) => `${host} joins: ${roles.join(', ')}`),
    ...leaving.map(({ host, roles }) => `${host} gives up: ${roles.join(', ')}`),
    ...gone.map(({ name }) => `${name} is taken out: services end, files are removed; its data stays`),
  ];
}

function describe(step: Step): string {
  switch (step.kind) {
    case 'create-host':
      return 'create the host';
    case 'prepare':
      return step.what;
    case 'file':
      return `${step.change === 'removed' ? 'remove' : step.change === 'new' ? 'write' : 'change'} ${step.path}`;
    case 'service':
      return `${step.action} ${step.service} (${step.reason})`;
    default:
      return step satisfies never;
  }
}

function renderFlows(flows: readonly (Flow | Departure)[], operators: readonly string[]): string {
  const rows = flows.map((flow) => [
    typeof flow.from === 'string' ? flow.from : flow.from.join(', '),
    flow.to === 'any' ? 'outside' : flow.to,
    flow.port === undefined ? flow.protocol : `${flow.protocol}/${flow.port}`,
    'service' in flow ? flow.service : '',
    'encryption' in flow ? flow.encryption : '',
    flow.purpose,
  ]);
  return `${table(['from', 'to', 'port', 'service', 'encryption', 'purpose'], rows)}\noperators: ${operators.join(', ')}`;
}
