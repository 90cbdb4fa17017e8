/** Web hosts taken out of service and back, on every balancer at once, through the agents. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type HostSpec, hostsWithRole } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { BalancerServer } from '#src/topology/agent-api.ts';
import type { StackAccess } from '../health.ts';
import { askHost } from '../operator-api.ts';

const lookMs = 100;
const watchMs = 250;

/** On every balancer, another web host than this one takes requests. */
function othersServe(seen: ReadonlyMap<string, readonly BalancerServer[]>, host: string): boolean {
  return [...seen.values()].every((servers) =>
    servers.some((server) => server.host !== host && server.up && !server.drained && server.weight > 0),
  );
}

export class Balancers {
  readonly #access: StackAccess;
  readonly #balancers: readonly HostSpec[];

  private constructor(access: StackAccess, balancers: readonly HostSpec[]) {
    this.#access = access;
    this.#balancers = balancers;
  }

  /**
   * Those that run. One whose HAProxy runs but whose agent does not answer could go on sending requests to a host that
   * is being changed: that is refused.
   */
  static async open(access: StackAccess): Promise<Balancers> {
    const all = hostsWithRole(access.spec, 'balancer');
    const running = await Promise.all(
      all.map(async (host) => {
        const services = await access.infrastructure
          .driver(host.name)
          .services()
          .catch(() => []);
        return services.some(({ name, state }) => name === 'haproxy' && state === 'running');
      }),
    );
    const opened = new Balancers(
      access,
      all.filter((_, index) => running[index]),
    );
    await opened.servers();
    return opened;
  }

  /** By balancer, in the order of the stack file. */
  async servers(): Promise<ReadonlyMap<string, readonly BalancerServer[]>> {
    const path = '/v1/balancer/servers';
    const answers = await Promise.all(
      this.#balancers.map(async (host) => {
        const { servers } = (await askHost(this.#access, host, { path })) as { servers: BalancerServer[] };
        return [host.name, servers] as const;
      }),
    );
    return new Map(answers);
  }

  /**
   * No new requests for the host, then until those that it has are answered (`empty`), or the time is over (`busy`).
   * `alone`, and nothing done, where no other one serves: its processes are changed one by one while it serves. Should
   * that become so later, the host is put back in service at once: one with some processes is better than none.
   */
  async drain(host: string, timeoutMs: number): Promise<'empty' | 'busy' | 'alone'> {
    if (!othersServe(await this.servers(), host)) return 'alone';
    await this.#set(host, 'drain');
    this.#drained = host;
    void this.#watch(host);
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const seen = this.#of(await this.servers(), host);
      if (seen.every(({ requests }) => requests === 0)) return 'empty';
      if (performance.now() > deadline) return 'busy';
      await sleep(lookMs);
    }
  }
  #drained: string | undefined;

  /** As long as the host is out of service; a look that fails says nothing. */
  async #watch(host: string): Promise<void> {
    while (this.#drained === host) {
      const seen = await this.servers().catch(() => undefined);
      if (seen !== undefined && this.#drained === host && !othersServe(seen, host)) {
        await this.#set(host, 'ready').catch(() => undefined);
      }
      // Does not keep a command that failed from ending.
      await sleep(watchMs, undefined, { ref: false });
    }
  }

  /** Back in service; resolves when every balancer's own health check has found it well. */
  async restore(host: string, timeoutMs: number): Promise<void> {
    this.#drained = undefined;
    await this.#set(host, 'ready');
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const seen = await this.servers();
      if (this.#of(seen, host).every(({ up, drained }) => up && !drained)) return;
      if (performance.now() > deadline) throw this.#unhealthy(seen, host);
      await sleep(lookMs);
    }
  }

  /** Ends what an interrupted command left drained; the hosts that were. */
  async restoreAll(): Promise<readonly string[]> {
    const seen = await this.servers();
    const drained = [...seen.values()].flat().filter((server) => server.drained);
    const hosts = [...new Set(drained.map(({ host }) => host))];
    for (const host of hosts) await this.#set(host, 'ready');
    return hosts;
  }

  async #set(host: string, state: 'drain' | 'ready'): Promise<void> {
    const path = `/v1/balancer/servers/${host}`;
    await Promise.all(
      this.#balancers.map((balancer) =>
        askHost(this.#access, balancer, { method: 'PUT', path, body: { state } }),
      ),
    );
  }

  #of(seen: ReadonlyMap<string, readonly BalancerServer[]>, host: string): readonly BalancerServer[] {
    return [...seen.values()].flat().filter((server) => server.host === host);
  }

  #unhealthy(seen: ReadonlyMap<string, readonly BalancerServer[]>, host: string): TandemError {
    return new TandemError(
      'web-host-unhealthy',
      `${host}: the balancers' health checks do not find it well.`,
      {
        issues: [...seen].flatMap(([balancer, servers]) =>
          servers
            .filter((server) => server.host === host && !server.up)
            .map(({ check }) => ({
              path: balancer,
              message: `its last check of ${host} said ${check ?? 'nothing'}`,
            })),
        ),
      },
    );
  }
}
