/** Refuses a change of the stack file that takes its database role from the host that is the primary. */
import { type AgentEndpoint, askAgent, type ClientIdentity } from '#src/adapters/agent-client.ts';
import { hostsWithRole } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { StackAccess } from './health.ts';

const answerMs = 2_000;

/**
 * `living`: hosts that run already. Their agents know who leads the newest epoch; without an answer the decision core
 * stays on guard: nobody is promoted who may lack what that primary has.
 */
export async function checkPrimaryStays(
  { spec, infrastructure, operator }: StackAccess,
  living: ReadonlySet<string>,
): Promise<void> {
  const hosts = hostsWithRole(spec, 'database');
  const asked = hosts.filter(({ name }) => living.has(name));
  if (asked.length === 0) return;
  const identity = await operator();
  const answers = asked.map(async ({ name }) => newestPrimary(await infrastructure.agent(name), identity));
  const primary = await Promise.any(answers).catch(() => undefined);
  if (primary === undefined || hosts.some(({ name }) => name === primary)) return;
  throw new TandemError(
    'primary-removed',
    `${primary} is the primary of the database, and the stack file takes that role from it.`,
    {
      kind: 'input',
      hint: `Nothing was changed. Put ${primary} back, move the primary with 'tandem switchover --to ${asked[0]?.name}', then take it out.`,
    },
  );
}

async function newestPrimary(endpoint: AgentEndpoint, identity: ClientIdentity): Promise<string | undefined> {
  const { body } = await askAgent(endpoint, identity, {
    path: '/v1/database/history',
    timeoutMs: answerMs,
  });
  return (body as { history: readonly { holder: string }[] }).history.at(-1)?.holder;
}
