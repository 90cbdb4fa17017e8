/** The floating address, moved off a balancer for the time of a change that would take it away. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type HostSpec, hostsWithRole } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import type { AgentStatus } from '#src/topology/agent-api.ts';
import type { StackAccess } from './health.ts';
import { askHost } from './operator-api.ts';

const moveMs = 5_000;
const lookMs = 50;

export class FloatingAddress {
  readonly #access: StackAccess;
  readonly #reporter: Reporter;

  constructor(access: StackAccess, reporter: Reporter) {
    this.#access = access;
    this.#reporter = reporter;
  }

  /** Resolves when another balancer has it, or none takes it: then it is gone only while its services restart. */
  async moveAway(host: HostSpec): Promise<void> {
    if (hostsWithRole(this.#access.spec, 'balancer').length < 2) return;
    try {
      if (!(await this.#holds(host))) return;
      await this.#reporter.step(host.name, 'floating address to another balancer', async () => {
        await this.#set(host, 'back');
        const deadline = performance.now() + moveMs;
        while ((await this.#holds(host)) && performance.now() < deadline) await sleep(lookMs);
        if (await this.#holds(host)) this.#reporter.note(host.name, 'no other balancer takes the address');
      });
    } catch (error) {
      // Nobody can be asked (a dead agent, one of an older release): keepalived's own end moves the address, only later.
      if (!(error instanceof TandemError)) throw error;
      this.#reporter.note(host.name, `the address goes with its restart: ${error.message}`);
    }
  }

  async mayReturn(host: HostSpec): Promise<void> {
    await this.#set(host, 'ready');
  }

  /** Ends what an interrupted command has left. */
  async endAll(): Promise<void> {
    const ends = hostsWithRole(this.#access.spec, 'balancer').map(async (host) => {
      if ((await this.#status(host)).balancer?.standsBack !== true) return;
      await this.#set(host, 'ready');
      this.#reporter.note(host.name, 'may hold the floating address again after an earlier command');
    });
    // One that does not answer has bigger troubles, and they are told.
    await Promise.allSettled(ends);
  }

  async #status(host: HostSpec): Promise<AgentStatus> {
    return (await askHost(this.#access, host, { path: '/v1/status' })) as AgentStatus;
  }

  async #holds(host: HostSpec): Promise<boolean> {
    return ((await this.#status(host)).balancer?.heldAddresses.length ?? 0) > 0;
  }

  async #set(host: HostSpec, state: 'back' | 'ready'): Promise<void> {
    await askHost(this.#access, host, { method: 'PUT', path: '/v1/balancer/standing', body: { state } });
  }
}
