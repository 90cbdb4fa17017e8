/** Asks the hosts' agents, on kept connections, under the dashboard's own certificate. */
import { Agent } from 'node:https';
import { type AgentAnswer, askAgent, type ClientIdentity } from '#src/adapters/agent-client.ts';
import type { DashboardConfig } from '#src/topology/dashboard-config.ts';
import { Problem } from './problem.ts';

export interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs?: number;
  /** The operator in whose name it is asked. */
  readonly actor?: string;
}

const answerMs = 4_000;

export class Agents {
  readonly #config: DashboardConfig;
  readonly #identity: ClientIdentity;
  readonly #connections = new Agent({ keepAlive: true, maxSockets: 8, maxFreeSockets: 2, timeout: 30_000 });

  constructor(config: DashboardConfig, identity: ClientIdentity) {
    this.#config = config;
    this.#identity = identity;
  }

  close(): void {
    this.#connections.destroy();
  }

  /** Rejects without an answer in time. */
  ask(host: string, { actor, timeoutMs, ...ask }: Ask): Promise<AgentAnswer> {
    const found = this.#config.hosts.find(({ name }) => name === host);
    if (found === undefined) throw new Problem(404, 'No such host', `There is no host ${host}.`);
    return askAgent({ address: found.address }, this.#identity, {
      ...ask,
      port: this.#config.agentPort,
      timeoutMs: timeoutMs ?? answerMs,
      connections: this.#connections,
      ...(actor === undefined ? {} : { headers: { 'x-tandem-actor': actor } }),
    });
  }

  /** Like `ask`, and throws a `Problem` in the agent's own words when it refuses. */
  async demand(host: string, ask: Ask): Promise<unknown> {
    const answer = await this.ask(host, ask).catch((error: Error) => {
      throw new Problem(503, 'No answer', error.message);
    });
    return bodyOf(answer);
  }

  /** The first of these hosts that answers. */
  async demandAny(hosts: readonly string[], ask: Ask): Promise<unknown> {
    let last = 'there is no such host';
    for (const host of hosts) {
      const answer = await this.ask(host, ask).catch((error: Error) => {
        last = error.message;
      });
      if (answer !== undefined) return bodyOf(answer);
    }
    throw new Problem(503, 'No answer', `No agent answered: ${last}`);
  }

  hostsWith(role: string): readonly string[] {
    return this.#config.hosts
      .filter(({ roles }) => (roles as readonly string[]).includes(role))
      .map(({ name }) => name);
  }
}

function bodyOf({ status, body }: AgentAnswer): unknown {
  if (status < 400) return body;
  const { title, detail } = (body ?? {}) as { title?: string; detail?: string };
  throw new Problem(status >= 500 ? 503 : 409, title ?? 'Refused', detail ?? 'The agent refused it.');
}
