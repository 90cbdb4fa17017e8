/** A plan as `tandem plan` shows it: hosts that come and go, then per host what changes, line by line. */
import { styleText } from 'node:util';
import type { Growth } from '#src/plan/growth.ts';
import type { HostPlan, Step } from '#src/plan/plan.ts';
import type { FileDiffs } from '#src/provision/file-diffs.ts';

/** By host. */
export type Diffs = ReadonlyMap<string, FileDiffs>;

/** File contents may be secrets: of these the steps only name the files. */
export function reportOf(growth: Growth, plans: readonly HostPlan[], diffs: Diffs) {
  const { joining, leaving } = growth;
  const withDiff = (host: string) => (step: Step) =>
    step.kind === 'file' ? { ...step, diff: diffs.get(host)?.get(step.path) ?? null } : step;
  const hosts = plans.map(({ host, steps }) => ({ host, steps: steps.map(withDiff(host)) }));
  return { joining, leaving, gone: growth.gone.map(({ name }) => name), hosts };
}

/** `maxLines`: of the diff of each file. */
export function renderPlan(
  growth: Growth,
  plans: readonly HostPlan[],
  diffs: Diffs,
  maxLines: number,
): string {
  const moves = describeMoves(growth);
  const changed = plans.filter((plan) => plan.steps.length > 0);
  if (moves.length + changed.length === 0) return 'Nothing to do: every host is as the stack file says.';
  // Many hosts often change in the same way: that is shown once.
  const shownOn = new Map<string, string>();
  const diffOf = (host: string, path: string): readonly string[] => {
    const lines = diffs.get(host)?.get(path);
    if (lines === undefined) return [];
    const key = [path, ...lines].join('\n');
    const other = shownOn.get(key);
    if (other !== undefined) return [styleText('dim', `as on ${other}`)];
    shownOn.set(key, host);
    const rest = lines.length - maxLines;
    return [
      ...lines.slice(0, maxLines).map(coloured),
      ...(rest > 0 ? [styleText('dim', `and ${rest} more lines: 'tandem plan --full'`)] : []),
    ];
  };
  return [
    ...moves,
    ...(moves.length > 0 ? [''] : []),
    ...changed.flatMap(({ host, steps }) => [
      styleText('bold', host),
      ...steps.flatMap((step) => [
        `  ${describe(step, steps)}`,
        ...(step.kind === 'file' ? diffOf(host, step.path).map((line) => `      ${line}`) : []),
      ]),
      '',
    ]),
  ].join('\n');
}

function coloured(line: string): string {
  const colours: Readonly<Record<string, Parameters<typeof styleText>[0]>> = {
    '+': 'green',
    '-': 'red',
    '@': 'cyan',
  };
  const colour = colours[line[0] ?? ''];
  return colour === undefined ? line : styleText(colour, line);
}

/** Hosts that come and go, before what changes on those of the stack file. */
function describeMoves({ joining, leaving, gone }: Growth): readonly string[] {
  return [
    ...joining.map(({ host, roles }) => `${host} joins: ${roles.join(', ')}`),
    ...leaving.map(({ host, roles }) => `${host} gives up: ${roles.join(', ')}`),
    ...gone.map(({ name }) => `${name} is taken out: services end, files are removed; its data stays`),
  ];
}

const verbs = { new: 'write', changed: 'change', removed: 'remove' } as const;

function describe(step: Step, steps: readonly Step[]): string {
  switch (step.kind) {
    case 'create-host':
      return 'create the host';
    case 'prepare':
      return step.what;
    case 'file':
      return `${verbs[step.change]} ${step.path}${isNoticed(step.service, steps) ? '' : ' (nothing has to notice)'}`;
    case 'service':
      return `${step.action} ${step.service} (${step.reason})`;
    default:
      return step satisfies never;
  }
}

/** The plan does something with the service whose file it is. */
function isNoticed(service: string | null, steps: readonly Step[]): boolean {
  return service === null || steps.some((step) => step.kind === 'service' && step.service === service);
}
