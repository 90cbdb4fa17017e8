/** What the commands on the database share: asking the agents of the database hosts, and watching what comes of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentAnswer, askAgent } from '#src/adapters/agent-client.ts';
import type { StackStatus } from '#src/provision/status.ts';
import { hostsWithRole } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { openStack } from './open.ts';

export type OpenedStack = Awaited<ReturnType<typeof openStack>>;

export interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  /** This host's agent and no other's. */
  readonly host?: string;
}

const answerMs = 4_000;
const lookMs = 200;

/**
 * Asks the first agent of a database host that answers; all of them read the same etcd. Throws with the agent's own
 * words when it refuses.
 */
export async function askDatabase(stack: OpenedStack, ask: Ask): Promise<unknown> {
  const identity = await stack.operator();
  const hosts = hostsWithRole(stack.spec, 'database');
  if (ask.host !== undefined && !hosts.some(({ name }) => name === ask.host)) {
    throw new TandemError('unknown-host', `${ask.host} is no database host of '${stack.spec.stack}'.`, {
      kind: 'input',
      hint: `Database hosts: ${hosts.map(({ name }) => name).join(', ')}.`,
    });
  }
  let last: unknown;
  for (const host of hosts) {
    if (ask.host !== undefined && host.name !== ask.host) continue;
    let answer: AgentAnswer;
    try {
      answer = await askAgent(await stack.infrastructure.agent(host.name), identity, {
        ...ask,
        timeoutMs: answerMs,
      });
    } catch (error) {
      last = error;
      continue;
    }
    if (answer.status < 400) return answer.body;
    const problem = answer.body as { title?: string; detail?: string } | null;
    throw new TandemError('database-refused', problem?.detail ?? problem?.title ?? 'The agent refused it.', {
      hint: "Nothing was changed. 'tandem status' shows the state of the database.",
    });
  }
  throw last;
}

/**
 * Looks at the database until `done`, and says each new explanation of the members meanwhile. Resolves to the last
 * look; `undefined` when it did not come to that in time.
 */
export async function watchDatabase(
  stack: OpenedStack,
  options: {
    readonly timeoutMs: number;
    readonly done: (status: StackStatus) => boolean | Promise<boolean>;
    readonly say: (line: string) => void;
  },
): Promise<StackStatus | undefined> {
  const { readStatus } = await import('#src/provision/health.ts');
  const deadline = performance.now() + options.timeoutMs;
  const said = new Map<string, string>();
  while (performance.now() < deadline) {
    const status = await readStatus(stack);
    for (const { host, explanation } of status.database.members) {
      if (said.get(host) === explanation) continue;
      said.set(host, explanation);
      options.say(`${host}: ${explanation}`);
    }
    if (await options.done(status)) return status;
    await sleep(lookMs);
  }
  return undefined;
}
