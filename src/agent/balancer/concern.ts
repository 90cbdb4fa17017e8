/**
 * A balancer host's part in the floating address: keepalived is told whether HAProxy lives, and an address whose
 * keepalived is dead or frozen is taken off, because the other balancer takes it too.
 */
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readFileIfThere } from '#src/adapters/files/atomic.ts';
import { haproxyServers } from '#src/adapters/haproxy/runtime.ts';
import type { Log } from '#src/adapters/log.ts';
import type { AgentBalancerStatus } from '#src/topology/agent-api.ts';
import { webBackend } from '#src/topology/backend.ts';
import type { AgentContext } from '../context.ts';
import { Loop } from '../loop.ts';
import { type HealthState, initialHealth, type Level, nextHealth, trackValue } from './health-decide.ts';
import { HealthProbe } from './health-probe.ts';
import { dropAddress, heldAddresses, lookAtKeepalived } from './keepalived.ts';
import {
  initialKeepalived,
  judgeKeepalived,
  type KeepalivedState,
  standstillMs,
} from './keepalived-decide.ts';
import { Standing } from './standing.ts';

const probeMs = 200;
/** On the balancer that doesn't hold the address nobody waits for the answer. */
const idleProbeMs = 400;
const probeTimeoutMs = 250;
const watchMs = 200;
/** Without an address there is nothing to take off. */
const idleWatchMs = 400;
const keepalivedService = 'keepalived';

const sentences: Readonly<Record<Level, string>> = {
  serving: 'HAProxy answers and has web hosts.',
  empty: 'HAProxy has no web host to send to: standing back behind a balancer that has.',
  dead: 'HAProxy does not answer: giving up the address.',
};

export class BalancerConcern {
  readonly #context: AgentContext;
  readonly #log: Log;
  readonly #probe: HealthProbe;
  readonly #trackFile: string;
  readonly #standstillMs: number;
  readonly #standing: Standing;
  readonly #loops: readonly Loop[];
  #health: HealthState = initialHealth;
  #written: string | undefined;
  #holds = false;
  #keepalived: KeepalivedState = initialKeepalived;

  constructor(context: AgentContext) {
    const { balancer } = context.config;
    if (balancer === undefined) throw new Error('this host is no balancer');
    this.#context = context;
    this.#log = context.log.of('balancer');
    this.#trackFile = balancer.trackFile;
    this.#standstillMs = standstillMs(balancer.advertMs);
    this.#standing = new Standing(join(dirname(balancer.trackFile), 'stands-back'));
    this.#probe = new HealthProbe(balancer.haproxyHealthSocket, probeTimeoutMs);
    const health = new Loop({
      name: 'haproxy',
      intervalMs: probeMs,
      log: this.#log,
      step: () => this.#watchHaproxy(),
    });
    this.#probe.onLost = () => health.wake();
    const keepalived = new Loop({
      name: 'keepalived',
      intervalMs: watchMs,
      log: this.#log,
      step: () => this.#watchKeepalived(),
    });
    this.#loops = [health, keepalived];
  }

  async status(): Promise<AgentBalancerStatus> {
    const { interface: name, floatingAddresses } = this.#context.config;
    return {
      drained: await this.#drained(),
      heldAddresses: heldAddresses(name, floatingAddresses),
      haproxyHealthy: this.#health.level !== 'dead',
      standsBack: this.#standing.isBack,
    };
  }

  /** Another balancer that serves takes the addresses, for as long as this one stands back. */
  async standBack(isBack: boolean): Promise<void> {
    await this.#standing.set(isBack);
    await this.#track(this.#wantedTrack);
  }

  get #wantedTrack(): string {
    const { level } = this.#health;
    return level === 'serving' && this.#standing.isBack ? trackValue.empty : trackValue[level];
  }

  /** Asked for, not watched: it is rare, and nobody waits for it. */
  async #drained(): Promise<readonly string[]> {
    const socket = this.#context.config.balancer?.haproxySocket ?? '';
    const servers = await haproxyServers(socket, webBackend, probeTimeoutMs).catch(() => []);
    return servers.filter(({ status }) => status.startsWith('DRAIN')).map(({ name }) => name);
  }

  stop(): void {
    for (const loop of this.#loops) loop.stop();
    this.#probe.close();
  }

  async #watchHaproxy(): Promise<number> {
    await this.#lookAtHaproxy();
    return this.#holds || this.#health.level !== 'serving' ? probeMs : idleProbeMs;
  }

  async #lookAtHaproxy(): Promise<void> {
    if (this.#written === undefined) {
      // An agent that starts goes on from what the last one said: its own restart moves no address.
      this.#written = (await readFileIfThere(this.#trackFile))?.trim() ?? '';
      const wasServing = this.#standing.isBack ? trackValue.empty : trackValue.serving;
      if (this.#written === wasServing) this.#health = { ...initialHealth, level: 'serving' };
    }
    const answer = await this.#probe.ask();
    const before = this.#health.level;
    this.#health = nextHealth(this.#health, answer, performance.now());
    const { level } = this.#health;
    await this.#track(this.#wantedTrack);
    if (level === before) return;
    this.#log.info(sentences[level]);
    this.#context.warnings.set('haproxy', level === 'serving' ? undefined : sentences[level]);
  }

  /** In place, because keepalived watches the file itself; one short write is never seen torn. */
  async #track(value: string): Promise<void> {
    if (this.#written === value) return;
    await writeFile(this.#trackFile, `${value}\n`);
    this.#written = value;
  }

  async #watchKeepalived(): Promise<number> {
    await this.#lookAtKeepalived();
    return this.#holds ? watchMs : idleWatchMs;
  }

  async #lookAtKeepalived(): Promise<void> {
    const { interface: name, floatingAddresses, prefixLength } = this.#context.config;
    const held = heldAddresses(name, floatingAddresses);
    this.#holds = held.length > 0;
    const look = held.length === 0 ? undefined : this.#look();
    const { state, verdict } = judgeKeepalived(
      this.#keepalived,
      {
        holds: held.length > 0,
        pid: look?.pid,
        switches: look?.switches ?? 0,
        stopped: look?.stopped ?? false,
        atMs: performance.now(),
      },
      this.#standstillMs,
    );
    this.#keepalived = state;
    if (verdict === 'fine') return;
    this.#keepalived = initialKeepalived;
    this.#log.warn(`keepalived is ${verdict}: taking the address off`, {
      addresses: held.join(),
      pid: look?.pid,
    });
    if (look !== undefined) kill(look.pid);
    // Until somebody has reaped it, the next keepalived would take it for a running one and end.
    await rm(this.#vrrpPidFile, { force: true });
    for (const address of held) await dropAddress(address, prefixLength, name);
    if (verdict === 'frozen') await this.#killService();
  }

  #look() {
    return lookAtKeepalived(this.#vrrpPidFile);
  }

  /** Beside the track file (src/render/keepalived.ts). */
  get #vrrpPidFile(): string {
    return join(dirname(this.#trackFile), 'vrrp.pid');
  }

  /** The whole service: its parent may be frozen as well. The runner starts it again. */
  async #killService(): Promise<void> {
    try {
      await this.#context.runner.control(keepalivedService, 'kill', 2_000);
    } catch (error) {
      this.#log.warn('the runner did not kill keepalived', { reason: (error as Error).message });
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
