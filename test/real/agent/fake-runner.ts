/** Stands in for the supervisor: starts real processes, and leaves dead what dies, behind the agent's own interface. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceRunner } from '#src/agent/context.ts';
import type { ServiceStatus } from '#src/plan/observed.ts';

export interface FakeService {
  readonly name: string;
  readonly command: readonly string[];
  /** Ready when this unix socket accepts. */
  readonly socket: string;
  readonly log: string;
}

export class FakeRunner implements ServiceRunner {
  readonly #services: readonly FakeService[];
  readonly #running = new Map<string, ChildProcess>();

  constructor(services: readonly FakeService[]) {
    this.#services = services;
  }

  async services(): Promise<readonly ServiceStatus[]> {
    return this.#services.map(({ name }) => {
      const pid = this.#running.get(name)?.pid ?? null;
      const state = pid === null ? 'stopped' : 'running';
      return {
        name,
        state,
        pid,
        sinceMs: 0,
        restarts: 0,
        definition: null,
        configuration: null,
        reason: null,
      };
    });
  }

  pid(name: string): number | undefined {
    return this.#running.get(name)?.pid;
  }

  async control(name: string, action: 'start' | 'stop' | 'restart' | 'reload' | 'kill'): Promise<void> {
    const service = this.#services.find((each) => each.name === name);
    if (service === undefined) throw new Error(`no service ${name}`);
    if (action === 'start') {
      if (!this.#running.has(name)) this.#spawn(service);
      await ready(service.socket, () => this.#running.has(name));
      return;
    }
    if (action !== 'stop' && action !== 'kill') throw new Error(`${action} is not faked`);
    const child = this.#running.get(name);
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill(action === 'stop' ? 'SIGTERM' : 'SIGKILL');
    await ended;
  }

  async dispose(): Promise<void> {
    for (const child of this.#running.values()) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  }

  #spawn(service: FakeService): void {
    const log = openSync(service.log, 'a');
    const child = spawn('setpriv', ['--pdeathsig=KILL', ...service.command], { stdio: ['ignore', log, log] });
    this.#running.set(service.name, child);
    child.once('exit', () => {
      this.#running.delete(service.name);
    });
  }
}

async function ready(path: string, running: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const accepted = await new Promise<boolean>((resolve) => {
      const socket = connect({ path });
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (accepted) return;
    if (!running() && attempt > 10) throw new Error('it ended while starting');
    await sleep(50);
  }
  throw new Error('not ready in time');
}
