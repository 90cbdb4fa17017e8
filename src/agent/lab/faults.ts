/** Faults that an operator tries on a host of a lab. Each is the real thing and ends: by `heal`, or by itself. */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfThere } from '#src/adapters/files/atomic.ts';
import { runChecked } from '#src/adapters/process/run.ts';
import { sessionOf, signal } from '#src/adapters/process/table.ts';
import type { LabFault } from '#src/topology/figures.ts';
import { Problem } from '../api/problem.ts';
import type { AgentContext } from '../context.ts';

type Fault =
  | { readonly kind: 'kill' | 'freeze'; readonly service: string }
  | { readonly kind: 'cut-off'; readonly forMs: number }
  | { readonly kind: 'heal' };

function parseFault(body: unknown): Fault | undefined {
  const { kind, service, forMs } = (body ?? {}) as Record<string, unknown>;
  if (kind === 'heal') return { kind };
  if (kind === 'kill' || kind === 'freeze') {
    return typeof service === 'string' && /^[a-z0-9-]{1,64}$/.test(service) ? { kind, service } : undefined;
  }
  const isTime = Number.isInteger(forMs) && Number(forMs) >= 1_000 && Number(forMs) <= 120_000;
  return kind === 'cut-off' && isTime ? { kind, forMs: Number(forMs) } : undefined;
}

/** The agent must be there to heal, and the firewall is no process. */
const spared = new Set(['agent', 'firewall']);
const wakeMs = 120_000;

/** A marker per frozen service, after its name: the pid of its main process. */
const frozenPrefix = 'frozen-';

export class LabFaults {
  readonly #context: AgentContext;
  readonly #marker: string;
  readonly #frozen = new Map<string, { pid: number; untilMs: number; timer: NodeJS.Timeout }>();
  #cut: { untilMs: number; timer: NodeJS.Timeout } | undefined;

  constructor(context: AgentContext) {
    this.#context = context;
    this.#marker = join(context.config.dataDirectory, 'cut-off');
  }

  /** An agent that was killed while a service was frozen or its host cut off heals what it finds. */
  async start(): Promise<void> {
    const { dataDirectory } = this.#context.config;
    for (const name of await readdir(dataDirectory)) {
      if (!name.startsWith(frozenPrefix)) continue;
      const marker = join(dataDirectory, name);
      wake(Number(await readFileIfThere(marker)));
      await rm(marker, { force: true });
    }
    if ((await readFileIfThere(this.#marker)) !== undefined) await this.#reconnect();
  }

  list(): readonly LabFault[] {
    const frozen = [...this.#frozen].map(
      ([service, { untilMs }]): LabFault => ({ kind: 'freeze', service, untilMs }),
    );
    const cut: readonly LabFault[] =
      this.#cut === undefined ? [] : [{ kind: 'cut-off', service: null, untilMs: this.#cut.untilMs }];
    return [...frozen, ...cut];
  }

  /** Throws a `Problem` for what is not a fault, or hits what must be spared. */
  async inject(body: unknown): Promise<readonly LabFault[]> {
    const fault = parseFault(body);
    if (fault === undefined) {
      throw new Problem(
        422,
        'Bad fault',
        'Expected kill or freeze with a service, cut-off with forMs, or heal.',
      );
    }
    switch (fault.kind) {
      case 'kill':
        await this.#pidOf(fault.service);
        await this.#context.runner.control(fault.service, 'kill', 5_000);
        break;
      case 'freeze':
        await this.#freeze(fault.service, await this.#pidOf(fault.service));
        break;
      case 'cut-off':
        await this.#cutOff(fault.forMs);
        break;
      case 'heal':
        for (const service of [...this.#frozen.keys()]) await this.#thaw(service);
        await this.#reconnect();
        break;
      default:
        fault satisfies never;
    }
    return this.list();
  }

  async #pidOf(service: string): Promise<number> {
    if (spared.has(service))
      throw new Problem(409, 'Refused', `${service} is what heals this host: it is spared.`);
    const services = await this.#context.runner.services();
    const pid = services.find(({ name }) => name === service)?.pid;
    if (pid === undefined || pid === null) {
      throw new Problem(404, 'No such process', `${service} has no process on ${this.#context.config.host}.`);
    }
    return pid;
  }

  async #freeze(service: string, pid: number): Promise<void> {
    await this.#thaw(service);
    await writeFile(this.#frozenMarker(service), String(pid));
    for (const each of sessionOf(pid)) signal(each, 'SIGSTOP');
    const timer = setTimeout(() => void this.#thaw(service).catch(() => undefined), wakeMs);
    this.#frozen.set(service, { pid, untilMs: Date.now() + wakeMs, timer });
  }

  async #thaw(service: string): Promise<void> {
    const frozen = this.#frozen.get(service);
    if (frozen === undefined) return;
    clearTimeout(frozen.timer);
    this.#frozen.delete(service);
    wake(frozen.pid);
    await rm(this.#frozenMarker(service), { force: true });
  }

  #frozenMarker(service: string): string {
    return join(this.#context.config.dataDirectory, `${frozenPrefix}${service}`);
  }

  async #cutOff(forMs: number): Promise<void> {
    await writeFile(this.#marker, '');
    const { interface: name } = this.#context.config;
    clearTimeout(this.#cut?.timer);
    const timer = setTimeout(() => void this.#reconnect().catch(() => undefined), forMs);
    this.#cut = { untilMs: Date.now() + forMs, timer };
    // The answer goes out first.
    setTimeout(() => {
      if (this.#cut !== undefined)
        void runChecked(['ip', 'link', 'set', 'dev', name, 'down'], { timeoutMs: 5_000 }).catch(
          () => undefined,
        );
    }, 100);
  }

  async #reconnect(): Promise<void> {
    clearTimeout(this.#cut?.timer);
    this.#cut = undefined;
    await runChecked(['ip', 'link', 'set', 'dev', this.#context.config.interface, 'up'], {
      timeoutMs: 5_000,
    });
    await rm(this.#marker, { force: true });
  }
}

function wake(pid: number): void {
  for (const each of sessionOf(pid)) signal(each, 'SIGCONT');
}
