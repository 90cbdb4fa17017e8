import type { Command } from 'commander';
import { askAgent } from '#src/adapters/agent-client.ts';
import { askHost } from '#src/provision/operator-api.ts';
import { TandemError } from '#src/std/errors.ts';
import { openStack } from './open.ts';
import { print, table } from './output.ts';

interface BlocklistEntry {
  readonly address: string;
  readonly untilMs: number | null;
  readonly reason: string;
}

type OpenedStack = Awaited<ReturnType<typeof openStack>>;

export function register(program: Command): void {
  const firewall = program.command('firewall').description('the live block-list of all hosts');
  firewall
    .command('block')
    .description('drop everything to and from an address or network, open connections too, on every host')
    .argument('<address>', 'IPv4 or IPv6 address or network')
    .option('--for <duration>', 'such as 30s, 15m, 1h, 7d; without it until unblocked')
    .option('--reason <text>', 'shown in the list', '')
    .option('--force', "even when it holds a host's, an operator's or the floating address")
    .action(
      async (address: string, options: { for?: string; reason: string; force?: boolean }, self: Command) => {
        const durationMs = options.for === undefined ? null : parseDuration(options.for);
        const body = { address, durationMs, reason: options.reason, force: options.force ?? false };
        await tellAll(await openStack(self), 'POST', '/v1/blocklist', body);
        print(`${address} is blocked${options.for === undefined ? '' : ` for ${options.for}`}.`);
      },
    );
  firewall
    .command('unblock')
    .description('take an address or network off the list')
    .argument('<address>')
    .action(async (address: string, _options: unknown, self: Command) => {
      await tellAll(await openStack(self), 'DELETE', `/v1/blocklist/${encodeURIComponent(address)}`);
      print(`${address} is no longer blocked.`);
    });
  firewall
    .command('list')
    .description('what is blocked, until when, and why')
    .option('--json', 'for scripts')
    .action(async (options: { json?: boolean }, self: Command) =>
      list(await openStack(self), options.json ?? false),
    );
}

/** "90s", "15m", "1h", "7d" in milliseconds. */
export function parseDuration(text: string): number {
  const match = /^([1-9][0-9]{0,6})(s|m|h|d)$/.exec(text);
  const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match?.[2] ?? ''];
  if (match === null || unitMs === undefined) {
    throw new TandemError('bad-duration', `--for ${text} is not a duration.`, {
      kind: 'input',
      hint: 'Write a number and a unit, such as 30s, 15m, 1h or 7d.',
    });
  }
  return Number(match[1]) * unitMs;
}

/**
 * Tells every host's agent, side by side: a host that cannot reach the quorum is told all the same, and one that cannot
 * be told learns it through the quorum.
 */
async function tellAll(stack: OpenedStack, method: string, path: string, body?: unknown): Promise<void> {
  const identity = await stack.operator();
  const answers = await Promise.allSettled(
    stack.spec.hosts.map(async ({ name }) =>
      askAgent(await stack.infrastructure.agent(name), identity, { method, path, body, timeoutMs: 3_000 }),
    ),
  );
  const refusal = answers.find((answer) => answer.status === 'fulfilled' && answer.value.status >= 400);
  if (refusal?.status === 'fulfilled') {
    const problem = (refusal.value.body ?? {}) as { detail?: string; title?: string };
    throw new TandemError('blocklist-refused', problem.detail ?? problem.title ?? 'The agents refused it.', {
      kind: 'input',
    });
  }
  const silent = stack.spec.hosts
    .filter((_, index) => answers[index]?.status === 'rejected')
    .map(({ name }) => name);
  if (silent.length > 0) {
    throw new TandemError('blocklist-incomplete', `Done, but ${silent.join(', ')} did not answer.`, {
      hint: 'They learn it through the quorum when they are back; see tandem status.',
    });
  }
}

export async function list(stack: OpenedStack, json: boolean): Promise<void> {
  const { entries } = await firstAnswer(stack);
  if (json) return print(JSON.stringify(entries, null, 2));
  if (entries.length === 0) return print('Nothing is blocked.');
  const until = (entry: BlocklistEntry) =>
    entry.untilMs === null ? 'unblocked' : new Date(entry.untilMs).toISOString();
  print(
    table(
      ['address', 'until', 'reason'],
      entries.map((entry) => [entry.address, until(entry), entry.reason]),
    ),
  );
}

/** Of whichever agent is the first to answer: all of them know the list. */
async function firstAnswer(stack: OpenedStack): Promise<{ readonly entries: readonly BlocklistEntry[] }> {
  const { hosts } = stack.spec;
  // A stack that was never up says that, and not that nobody answers.
  await stack.operator();
  try {
    const asked = hosts.map((host) => askHost(stack, host, { path: '/v1/blocklist' }));
    return (await Promise.any(asked)) as { entries: readonly BlocklistEntry[] };
  } catch (cause) {
    const { errors } = cause as AggregateError;
    throw new TandemError('agent-unreachable', 'No agent says what is blocked.', {
      issues: hosts.map(({ name }, index) => ({ path: name, message: (errors[index] as Error).message })),
      hint: "'tandem status' shows which agents run; what is blocked stays blocked meanwhile.",
      cause,
    });
  }
}
