import type { Command } from 'commander';
import { deriveFlows, type Flow } from '#src/topology/flows.ts';
import { type Departure, departures } from '#src/topology/monitoring-flows.ts';
import { openStack } from './open.ts';
import { print, table } from './output.ts';
import { renderPlan, reportOf } from './plan-text.ts';

/** Of one file's diff, without --full. */
const shownLines = 20;

export function register(program: Command): void {
  program
    .command('plan')
    .description("what 'up' would do; changes nothing")
    .option('--flows', 'who may talk to whom: what the firewalls let through')
    .option('--full', 'all lines of what changes in files, however many')
    .option('--json', 'for scripts')
    .action(async (options: { flows?: boolean; full?: boolean; json?: boolean }, self: Command) => {
      const stack = await openStack(self);
      if (options.flows) {
        const out = stack.spec.hosts.flatMap((host) => departures(stack.spec, host));
        const flows = [...deriveFlows(stack.spec), ...out];
        print(
          options.json ? JSON.stringify(flows, null, 2) : renderFlows(flows, stack.spec.network.operators),
        );
        return;
      }
      const [growth, plans] = await Promise.all([stack.growth(), stack.plan()]);
      const diffs = await stack.diffs(plans);
      print(
        options.json
          ? JSON.stringify(reportOf(growth, plans, diffs), null, 2)
          : renderPlan(growth, plans, diffs, options.full ? Number.POSITIVE_INFINITY : shownLines),
      );
    });
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
