/** What the command-line tool asks of the agents for itself: the lock of the whole stack, the application's record. */
import { type AgentAnswer, askAgent, type ClientIdentity } from '#src/adapters/agent-client.ts';
import { type HostSpec, hostsWithRole } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { StackAccess } from './health.ts';

export interface OperatorAsk {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
}

const answerMs = 3_000;

/** Asks the agent of one host; rejects without an answer, or with the agent's own words when it refuses. */
export async function askHost(access: StackAccess, host: HostSpec, ask: OperatorAsk): Promise<unknown> {
  const answer = await askAgent(await access.infrastructure.agent(host.name), await access.operator(), {
    ...ask,
    timeoutMs: answerMs,
  });
  if (answer.status < 400) return answer.body;
  throw new TandemError('agent-refused', `${host.name}: ${detailOf(answer)}`, {
    hint: `'tandem logs ${host.name} agent' may tell more.`,
  });
}

/**
 * Asks the agents of the quorum's hosts in turn until one has reached etcd; undefined when none has. What was asked may
 * then have happened all the same: callers compare or look.
 */
export async function askQuorum(access: StackAccess, ask: OperatorAsk): Promise<AgentAnswer | undefined> {
  const identity = await access.operator();
  for (const host of await standing(access)) {
    const answer = await tryHost(access, host, identity, ask);
    if (answer !== undefined) return answer;
  }
  return undefined;
}

/** For a `catch`: a stack that was never up from here has no quorum that could be asked, which is no failure. */
export function neverUp(error: unknown): undefined {
  if (error instanceof TandemError && error.code === 'not-up') return undefined;
  throw error;
}

/** Hosts of the quorum that run: one that is switched off would only cost the time until that is noticed. */
async function standing(access: StackAccess): Promise<readonly HostSpec[]> {
  const hosts = hostsWithRole(access.spec, 'quorum');
  const services = await Promise.all(
    hosts.map(({ name }) =>
      access.infrastructure
        .driver(name)
        .services()
        .catch(() => []),
    ),
  );
  return hosts.filter((_, index) =>
    services[index]?.some(({ name, state }) => name === 'agent' && state === 'running'),
  );
}

async function tryHost(
  access: StackAccess,
  host: HostSpec,
  identity: ClientIdentity,
  ask: OperatorAsk,
): Promise<AgentAnswer | undefined> {
  try {
    const answer = await askAgent(await access.infrastructure.agent(host.name), identity, {
      ...ask,
      timeoutMs: answerMs,
    });
    return answer.status >= 500 ? undefined : answer;
  } catch {
    return undefined;
  }
}

/** Why an agent refused, in its own words. */
export function detailOf({ status, body }: AgentAnswer): string {
  const { detail, title } = (body ?? {}) as { detail?: string; title?: string };
  return detail ?? title ?? `the agent answered ${status}`;
}
