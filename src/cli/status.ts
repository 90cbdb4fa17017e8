import { styleText } from 'node:util';
import type { Command } from 'commander';
import type { Stack } from '#src/provision/stack.ts';
import { currentOperation, describeOperation } from '#src/provision/stack-lock.ts';
import type { StackStatus } from '#src/provision/status.ts';
import { openStack } from './open.ts';
import { print, table } from './output.ts';
import { parseInterval, watchScreen } from './screen.ts';

export function register(program: Command): void {
  program
    .command('status')
    .description('how the stack is; exit code 0 when it is healthy')
    .option('--json', 'the contract of docs/reference/status.md')
    .option('--watch', 'again and again, until Ctrl-C')
    .option('--interval <seconds>', 'between two looks', '2')
    .action(async (options: { json?: boolean; watch?: boolean; interval: string }, self: Command) => {
      const intervalMs = parseInterval(options.interval);
      const stack = await openStack(self);
      const { readStatus } = await import('#src/provision/health.ts');
      const look = async (): Promise<StackStatus> => {
        const [read, more] = await Promise.all([readStatus(stack), sharedState(stack)]);
        const { problems, warnings, ...rest } = read;
        return { ...rest, ...more, problems, warnings };
      };
      if (options.watch === true) {
        // Looking for drift reads every file of every host: once, not again and again.
        const show = (status: StackStatus) => (options.json ? JSON.stringify(status) : render(status, []));
        return watchScreen({ intervalMs, next: async () => show(await look()) });
      }
      const [status, drift] = await Promise.all([look(), driftOf(stack)]);
      print(options.json ? JSON.stringify({ ...status, drift }, null, 2) : render(status, drift));
      process.exitCode = status.healthy ? 0 : 1;
    });
}

/** What the quorum knows beside the hosts; nothing of it when it does not answer. */
async function sharedState(stack: Stack): Promise<Pick<StackStatus, 'operation' | 'application'>> {
  const [operation, { record }] = await Promise.all([currentOperation(stack), stack.application()]);
  return {
    ...(operation === undefined ? {} : { operation }),
    ...(record === undefined
      ? {}
      : { application: { current: record.current, canary: record.canary, underWay: record.underWay } }),
  };
}

/** Who is at work, and on what release the application is. */
function sharedLines({ operation, application }: StackStatus): readonly string[] {
  const work =
    operation === undefined || operation === null ? [] : [`at work: ${describeOperation(operation)}`];
  if (application === undefined) return work;
  const { current, canary, underWay } = application;
  const parts = [
    `release ${current}`,
    ...(canary === null ? [] : [`canary ${canary.release} on ${canary.host}, weight ${canary.weight}`]),
    ...(underWay === null
      ? []
      : [`${underWay.release} under way since ${new Date(underWay.sinceMs).toISOString()}`]),
  ];
  return [...work, `application: ${parts.join('; ')}`];
}

/** A host that can not be looked at is among the problems already. */
function driftOf(stack: Awaited<ReturnType<typeof openStack>>): Promise<readonly string[]> {
  return stack.drift().catch(() => []);
}

/** Beyond these, `tandem plan` has the rest. */
const shownDrift = 10;

function driftLines(drift: readonly string[]): readonly string[] {
  if (drift.length === 0) return [];
  const more = drift.length > shownDrift ? [`  … and ${drift.length - shownDrift} more`] : [];
  return [
    '',
    "not as the stack file says ('tandem plan' has all of it, 'tandem up' mends it):",
    ...drift.slice(0, shownDrift).map((sentence) => `  ${styleText('yellow', '~')} ${sentence}`),
    ...more,
  ];
}

export function render(status: StackStatus, drift: readonly string[]): string {
  const state = status.healthy ? styleText('green', 'healthy') : styleText('red', 'not healthy');
  const services = status.hosts.flatMap((host) =>
    host.services.map((service, index) => [
      index === 0 ? host.name : '',
      index === 0 ? host.address : '',
      service.name,
      service.state === 'running' || service.state === 'done'
        ? service.state
        : styleText('red', service.state),
      service.pid === null ? '' : String(service.pid),
      age(service.sinceMs),
    ]),
  );
  const members = status.database.members.map((member) => [
    member.host,
    member.role,
    member.sync ? 'sync' : '',
    member.lagSeconds === null ? '' : `${member.lagSeconds} s behind`,
    member.received ?? '',
    member.explanation,
  ]);
  return [
    `${status.stack}: ${state}   ${status.site.url}   balancer: ${status.balancer.active ?? 'none'}   primary: ${status.database.primary ?? 'none'}`,
    ...status.problems.map((problem) => `  ${styleText('red', '!')} ${problem}`),
    ...status.warnings.map((warning) => `  ${styleText('yellow', '~')} ${warning}`),
    '',
    table(['host', 'address', 'service', 'state', 'pid', 'since'], services),
    '',
    table(['database', 'role', 'sync', 'lag', 'received', 'what it does'], members),
    databaseLine(status.database),
    ...sharedLines(status),
    ...driftLines(drift),
  ].join('\n');
}

function databaseLine({ epoch, sinceMs, failover }: StackStatus['database']): string {
  const since = sinceMs === null ? '' : `, for ${age(sinceMs)}`;
  return `epoch ${epoch ?? 'unknown'}${since}; ${failoverClause(failover)}: ${failover.reason}`;
}

function failoverClause({ known, possible }: StackStatus['database']['failover']): string {
  if (!known) return `whether a failover would succeed is ${styleText('red', 'not known')}`;
  return `a failover ${possible ? styleText('green', 'would succeed') : styleText('red', 'would not succeed')}`;
}

function age(sinceMs: number): string {
  const seconds = Math.max(0, Math.round((Date.now() - sinceMs) / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}
