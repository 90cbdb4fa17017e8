/** `tandem top`: what flows where, and which statements take the time, live. */
import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import type { Command } from 'commander';
import { askAgent, type ClientIdentity } from '#src/adapters/agent-client.ts';
import { type HostRates, ratesBetween, sum } from '#src/dashboard/server/rates.ts';
import { mergeStatements } from '#src/dashboard/server/story.ts';
import { hostsWithRole } from '#src/spec/spec.ts';
import type { HostFigures, HostOverview, RouterStory } from '#src/topology/figures.ts';
import { openStack } from './open.ts';
import { print, table } from './output.ts';
import { parseInterval, watchScreen } from './screen.ts';

type OpenedStack = Awaited<ReturnType<typeof openStack>>;

const answerMs = 3_000;
/** Between the two looks that `--once` takes. */
const onceMs = 1_000;
const shownStatements = 12;
const widest = 70;

export function register(program: Command): void {
  program
    .command('top')
    .description('requests, statements, and which statements take the time; live, until Ctrl-C')
    .option('--interval <seconds>', 'between two looks', '2')
    .option('--once', 'one look, and end')
    .action(async (options: { interval: string; once?: boolean }, self: Command) => {
      const intervalMs = parseInterval(options.interval);
      const top = new Top(await openStack(self));
      if (options.once !== true) return watchScreen({ intervalMs, next: () => top.next() });
      await top.next();
      await sleep(onceMs);
      print(await top.next());
    });
}

interface Look {
  readonly host: string;
  /** Undefined: the agent did not answer. */
  readonly figures: HostFigures | undefined;
  readonly rates: HostRates | undefined;
}

/** Rates come from two looks: the first one has none. */
class Top {
  readonly #stack: OpenedStack;
  readonly #before = new Map<string, HostFigures>();

  constructor(stack: OpenedStack) {
    this.#stack = stack;
  }

  async next(): Promise<string> {
    const identity = await this.#stack.operator();
    const [looks, stories] = await Promise.all([
      Promise.all(this.#stack.spec.hosts.map((host) => this.#look(host.name, identity))),
      this.#stories(identity),
    ]);
    return render(this.#stack.spec.stack, looks, stories);
  }

  async #look(host: string, identity: ClientIdentity): Promise<Look> {
    const overview = await this.#ask<HostOverview>(host, identity, '/v1/overview');
    if (overview === undefined) return { host, figures: undefined, rates: undefined };
    const { figures } = overview;
    const rates = ratesBetween(this.#before.get(host), figures);
    this.#before.set(host, figures);
    return { host, figures, rates };
  }

  async #stories(identity: ClientIdentity): Promise<readonly { host: string; story: RouterStory }[]> {
    const asked = hostsWithRole(this.#stack.spec, 'web').map(async ({ name }) => {
      const story = await this.#ask<RouterStory>(name, identity, '/v1/router');
      return story === undefined ? [] : [{ host: name, story }];
    });
    return (await Promise.all(asked)).flat();
  }

  /** Undefined for no answer, or one that is none. */
  async #ask<T>(host: string, identity: ClientIdentity, path: string): Promise<T | undefined> {
    try {
      const endpoint = await this.#stack.infrastructure.agent(host);
      const { status, body } = await askAgent(endpoint, identity, { path, timeoutMs: answerMs });
      return status === 200 ? (body as T) : undefined;
    } catch {
      return undefined;
    }
  }
}

function render(
  stack: string,
  looks: readonly Look[],
  stories: readonly { host: string; story: RouterStory }[],
): string {
  const site = sum(looks.map(({ rates }) => rates?.siteRequests));
  const errors = sum(looks.map(({ rates }) => rates?.siteErrors));
  const silent = looks.filter(({ figures }) => figures === undefined).map(({ host }) => host);
  const members = [...new Set(looks.flatMap(({ rates }) => Object.keys(rates?.statements ?? {})))].sort();
  const statements = mergeStatements(stories).slice(0, shownStatements);
  return [
    `${styleText('bold', stack)}   ${perSecond(site)} requests/s   ${perSecond(errors)} errors/s   ${new Date().toLocaleTimeString('en-GB')}`,
    ...(silent.length === 0 ? [] : [styleText('red', `no answer: ${silent.join(', ')}`)]),
    '',
    table(
      ['host', 'load', 'memory', 'disk', 'requests/s', 'weight', 'statements/s', 'held'],
      looks.map((look) => hostRow(look, looks)),
    ),
    '',
    table(
      ['database', 'statements/s', 'mean'],
      members.map((member) => [
        member,
        perSecond(sum(looks.map(({ rates }) => rates?.statements[member]))),
        milliseconds(looks.flatMap(({ rates }) => rates?.statementMs[member] ?? [])),
      ]),
    ),
    '',
    table(
      ['time', 'statements', 'longest', 'goes to', 'shape'],
      statements.map(({ totalMs, statements: count, longestMs, goesTo, shape }) => [
        `${(totalMs / 1_000).toFixed(1)} s`,
        String(Math.round(count)),
        `${Math.round(longestMs)} ms`,
        goesTo ?? '',
        shape.length > widest ? `${shape.slice(0, widest - 1)}…` : shape,
      ]),
    ),
  ].join('\n');
}

function hostRow({ host, figures, rates }: Look, looks: readonly Look[]): string[] {
  if (figures === undefined) return [host, '', '', '', '', '', '', ''];
  const used = (available: number, total: number) =>
    `${Math.round((1 - available / Math.max(1, total)) * 100)} %`;
  const web = looks.map((look) => look.rates?.web[host]);
  const server = looks
    .flatMap((look) => look.figures?.balancer?.servers ?? [])
    .find(({ name }) => name === host);
  return [
    host,
    figures.load1.toFixed(1),
    used(figures.memoryAvailableBytes, figures.memoryTotalBytes),
    used(figures.diskAvailableBytes, figures.diskTotalBytes),
    perSecond(sum(web)),
    server === undefined ? '' : `${server.weight}${server.state === 'up' ? '' : ` ${server.state}`}`,
    figures.router === undefined ? '' : perSecond(sum(Object.values(rates?.statements ?? {}))),
    figures.router === undefined ? '' : String(figures.router.held),
  ];
}

function perSecond(value: number | null): string {
  if (value === null) return '-';
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

/** Of several routers: the mean of their means is near enough for a look. */
function milliseconds(values: readonly number[]): string {
  if (values.length === 0) return '-';
  return `${(values.reduce((total, value) => total + value, 0) / values.length).toFixed(1)} ms`;
}
