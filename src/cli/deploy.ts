import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { DeployOutcome, DeployRequest } from '#src/provision/application/deploy.ts';
import type { Stack } from '#src/provision/stack.ts';
import { TandemError } from '#src/std/errors.ts';
import type { ApplicationRecord } from '#src/topology/application.ts';
import { openStack } from './open.ts';
import { print, table } from './output.ts';
import { Progress } from './progress.ts';

interface Options {
  readonly canary?: string;
  readonly continue?: boolean;
  readonly rollback?: boolean;
}

export function register(program: Command): void {
  const deploy = program
    .command('deploy')
    .description('a new release of the application, over the web hosts one by one')
    .argument('[source]', 'a directory or an archive of one (default: web.app.directory of the stack file)')
    .option('--canary <weight>', 'on the first web host alone, with that weight; then see how it does')
    .option('--continue', 'go on with what a canary, or an interrupted deploy, has begun')
    .option('--rollback', 'go back from it; without one, to the release before the current one')
    .action(async (source: string | undefined, options: Options, self: Command) => {
      const stack = await openStack(self);
      const weight = parseOptions(source, options);
      if (options.rollback) return rollBack(stack);
      const { continueDeploy } = await import('#src/provision/application/deploy.ts');
      if (options.continue) return change(stack, '--continue', continueDeploy);
      return bring(stack, source === undefined ? undefined : resolve(source), weight);
    });
  deploy
    .command('rollback')
    .description('the same as --rollback; or to a release of the list')
    .argument('[release]')
    .action(async (release: string | undefined, _options: unknown, self: Command) =>
      rollBack(await openStack(self), release),
    );
  deploy
    .command('list')
    .alias('history')
    .description('every change of the release: when, which, who, from where')
    .option('--json', 'for scripts')
    .action(async (options: { json?: boolean }, self: Command) => {
      const { record } = await (await openStack(self)).application();
      if (record === undefined)
        throw new TandemError('not-up', 'This stack has no release yet.', { hint: "Run 'tandem up' first." });
      print(options.json ? JSON.stringify(record, null, 2) : renderHistory(record));
    });
}

/** The canary's weight; rejects options that contradict each other. */
function parseOptions(source: string | undefined, options: Options): number | undefined {
  const asked = [source, options.continue, options.rollback].filter((each) => each !== undefined);
  const bad = (message: string, hint: string) =>
    new TandemError('bad-option', message, { kind: 'input', hint });
  if (asked.length > 1 || ((options.continue || options.rollback) && options.canary !== undefined)) {
    throw bad(
      'A source, --canary, --continue and --rollback are different things.',
      'Name a source, perhaps with --canary, or one of the others.',
    );
  }
  if (options.canary === undefined) return undefined;
  if (!/^\d{1,3}$/.test(options.canary) || Number(options.canary) > 256) {
    throw bad(
      `--canary ${options.canary} is no weight.`,
      'A weight is a number from 0 to 256, beside the weights of the other web hosts.',
    );
  }
  return Number(options.canary);
}

async function bring(stack: Stack, source: string | undefined, weight: number | undefined): Promise<void> {
  const { deploy, deployCanary } = await import('#src/provision/application/deploy.ts');
  const { makeRelease } = await import('#src/provision/application/releases.ts');
  const from = source ?? resolve(stack.location.directory, stack.spec.web.app.directory);
  await change(stack, `${from}${weight === undefined ? '' : ` --canary ${weight}`}`, async (request) => {
    const archive = await makeRelease(request, from);
    return weight === undefined
      ? deploy(request, archive, from)
      : deployCanary(request, archive, weight, from);
  });
}

async function rollBack(stack: Stack, release?: string): Promise<void> {
  const { rollback } = await import('#src/provision/application/deploy.ts');
  await change(stack, 'rollback', (request) => rollback(request, release));
}

async function change(
  stack: Stack,
  what: string,
  work: (request: DeployRequest) => Promise<DeployOutcome>,
): Promise<void> {
  const { withOperation } = await import('#src/provision/stack-lock.ts');
  const progress = new Progress();
  const { stateDirectory } = stack.location;
  const lock = { access: stack, stateDirectory, command: `deploy ${what}`, reporter: progress };
  const { record, changed } = await withOperation(lock, async (reporter) =>
    work(await stack.deployRequest(reporter)),
  );
  const seconds = progress.elapsedSeconds.toFixed(1);
  if (changed.length === 0) print(`Nothing changed (${seconds} s).`);
  print(describe(record, changed, seconds));
}

function describe(
  { current, canary }: ApplicationRecord,
  changed: readonly string[],
  seconds: string,
): string {
  if (canary !== null) {
    return `${canary.host} runs release ${canary.release} as a canary with weight ${canary.weight}; all others run ${current}.\nThen: tandem deploy --continue, or tandem deploy --rollback`;
  }
  const hosts = changed.length === 0 ? '' : ` (${changed.join(', ')} changed, ${seconds} s)`;
  return `Every web host runs release ${current}${hosts}.`;
}

function renderHistory(record: ApplicationRecord): string {
  const rows = record.history
    .toReversed()
    .map(({ release, change: what, by, atMs, detail }) => [
      new Date(atMs).toISOString(),
      release,
      what,
      by,
      detail,
    ]);
  const { canary, underWay } = record;
  return [
    table(['when', 'release', 'change', 'who', 'what'], rows),
    `current: ${record.current}`,
    ...(canary === null ? [] : [`canary: ${canary.release} on ${canary.host}, weight ${canary.weight}`]),
    ...(underWay === null
      ? []
      : [
          `under way, or interrupted: ${underWay.release}, by ${underWay.by}; 'tandem deploy --continue' or '--rollback'`,
        ]),
  ].join('\n');
}
