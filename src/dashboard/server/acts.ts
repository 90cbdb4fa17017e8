/** What an operator may do: each act is asked of the agents, which judge it, and recorded with who, when and what came of it. */
import type { z } from 'zod';
import type { Log } from '#src/adapters/log.ts';
import type { DashboardConfig } from '#src/topology/dashboard-config.ts';
import type { ActName, ActRecord, actSchemas, Role } from '../api/schemas.ts';
import type { Agents } from './agents.ts';
import type { Caller } from './environment.ts';
import { Problem } from './problem.ts';
import type { Shared } from './shared.ts';

type Body<Name extends ActName> = z.output<(typeof actSchemas)[Name]>;

/** The least role that may do it. */
export const actRoles: Readonly<Record<ActName, Role>> = {
  switchover: 'operator',
  maintenance: 'operator',
  traffic: 'operator',
  block: 'operator',
  unblock: 'operator',
  fault: 'admin',
};

export class Acts {
  readonly #config: DashboardConfig;
  readonly #agents: Agents;
  readonly #shared: Shared;
  readonly #log: Log;
  /** An act was carried out: look what it did. */
  onDone: () => void = () => undefined;

  constructor(config: DashboardConfig, agents: Agents, shared: Shared, log: Log) {
    this.#config = config;
    this.#agents = agents;
    this.#shared = shared;
    this.#log = log;
  }

  /** The sentence that says what happened. Throws a `Problem` when it was refused; either is recorded. */
  async carryOut<Name extends ActName>(
    name: Name,
    body: Body<Name>,
    caller: Caller,
    address: string,
  ): Promise<string> {
    const what = { who: caller.name, via: caller.via, address, act: name, details: JSON.stringify(body) };
    this.#log.info('act', what);
    try {
      const message = await this.#doers[name](body as never, caller.name);
      this.#record({ ...what, atMs: Date.now(), outcome: 'done', message });
      return message;
    } catch (error) {
      const message = (error as Error).message;
      this.#record({ ...what, atMs: Date.now(), outcome: 'refused', message });
      throw error;
    } finally {
      this.onDone();
    }
  }

  #record(record: ActRecord): void {
    this.#log.info('act recorded', { ...record });
    this.#shared.record(record);
  }

  readonly #doers: { readonly [Name in ActName]: (body: Body<Name>, actor: string) => Promise<string> } = {
    switchover: async ({ to }, actor) => {
      const answer = (await this.#agents.demandAny(this.#agents.hostsWith('database'), {
        method: 'POST',
        path: '/v1/database/switchover',
        body: to === undefined ? {} : { to },
        actor,
      })) as { from: string; to: string };
      return `A switchover from ${answer.from} to ${answer.to} has begun.`;
    },
    maintenance: async ({ on }, actor) => {
      await this.#agents.demandAny(this.#agents.hostsWith('database'), {
        method: on ? 'PUT' : 'DELETE',
        path: '/v1/database/maintenance',
        actor,
      });
      return on ? 'Maintenance is on: nothing fails over.' : 'Maintenance is off.';
    },
    traffic: async ({ host, ...change }, actor) => {
      const answer = (await this.#agents.demandAny(this.#agents.hostsWith('balancer'), {
        method: 'PUT',
        path: `/v1/traffic/${host}`,
        body: change,
        actor,
      })) as { override: { drain: boolean; weight: number | null } | null };
      const { override } = answer;
      if (override === null) return `${host} takes requests as the stack file says.`;
      const weight = override.weight === null ? '' : ` Its weight is ${override.weight}.`;
      return override.drain ? `${host} takes no new requests.${weight}` : `${host} takes requests.${weight}`;
    },
    block: async ({ address, forMs, reason }, actor) => {
      const body = { address, durationMs: forMs, reason, force: false };
      const silent = await this.#tellAll({ method: 'POST', path: '/v1/blocklist', body, actor });
      return `${address} is blocked.${silent}`;
    },
    unblock: async ({ address }, actor) => {
      const path = `/v1/blocklist/${encodeURIComponent(address)}`;
      const silent = await this.#tellAll({ method: 'DELETE', path, actor });
      return `${address} is no longer blocked.${silent}`;
    },
    fault: async ({ host, ...fault }, actor) => {
      if (!this.#config.lab) throw new Problem(409, 'Refused', 'Faults are for labs: these are real hosts.');
      await this.#agents.demand(host, { method: 'POST', path: '/v1/lab/faults', body: fault, actor });
      return faultText(host, fault);
    },
  };

  /** Every host is told: one that can't be told learns it through the quorum. */
  async #tellAll(ask: { method: string; path: string; body?: unknown; actor: string }): Promise<string> {
    const names = this.#config.hosts.map(({ name }) => name);
    const answers = await Promise.allSettled(names.map((name) => this.#agents.demand(name, ask)));
    const isSilent = (reason: unknown) => reason instanceof Problem && reason.status === 503;
    const refused = answers.find((answer) => answer.status === 'rejected' && !isSilent(answer.reason));
    if (refused?.status === 'rejected') throw refused.reason;
    const silent = names.filter((_, index) => answers[index]?.status === 'rejected');
    if (silent.length === names.length) throw new Problem(503, 'No answer', 'No host answered.');
    return silent.length === 0 ? '' : ` ${silent.join(', ')} did not answer, and will learn it when back.`;
  }
}

function faultText(host: string, { kind, service, forMs }: Omit<Body<'fault'>, 'host'>): string {
  switch (kind) {
    case 'kill':
      return `${service} on ${host} was killed.`;
    case 'freeze':
      return `${service} on ${host} is frozen; it wakes by itself after two minutes.`;
    case 'cut-off':
      return `${host} is cut off for ${(forMs ?? 0) / 1_000} s.`;
    case 'heal':
      return `${host} is healed.`;
    default:
      return kind satisfies never;
  }
}
