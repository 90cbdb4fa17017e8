/** The lab as the place where a stack's hosts come from. */
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { AgentEndpoint } from '#src/adapters/agent-client.ts';
import { agentCompileCache, agentRuntime } from '#src/render/agent.ts';
import type { Service } from '#src/render/service.ts';
import type { Spec } from '#src/spec/spec.ts';
import type { Reporter } from '#src/std/reporter.ts';
import type { HostDriver } from '../host-driver.ts';
import type { Infrastructure, LogSelection } from '../infrastructure.ts';
import { installPackages } from '../packages/install.ts';
import { runCommand } from './command.ts';
import { describeLab, Lab } from './lab.ts';
import { showLogs } from './logs.ts';
import { preflight } from './preflight.ts';
import { purge, takeDown } from './teardown.ts';

export class LabInfrastructure implements Infrastructure {
  readonly #lab: Lab;

  constructor(location: {
    readonly spec: Spec;
    readonly stateDirectory: string;
  }) {
    this.#lab = new Lab(describeLab(location.spec, location.stateDirectory));
  }

  driver(host: string): HostDriver {
    return this.#lab.host(host);
  }

  preflight(): Promise<void> {
    return preflight(this.#lab.stateDirectory);
  }

  async prepare(): Promise<void> {
    await Promise.all([this.#lab.ensureNetwork(), warmAgent()]);
  }

  /** Hosts see this machine's own files. */
  async releases(): Promise<undefined> {}

  installPackages(services: readonly Service[], reporter: Reporter): Promise<void> {
    return installPackages([...new Set(services.flatMap((service) => service.packages))], reporter);
  }

  async finish(): Promise<void> {}

  leave(host: string): Promise<void> {
    return this.#lab.leave(host);
  }

  async agent(host: string): Promise<AgentEndpoint> {
    return { address: this.#lab.host(host).address };
  }

  async site(): Promise<undefined> {}

  showLogs(hosts: readonly string[], selection: LogSelection): Promise<void> {
    const sources = hosts.map((host) => ({ host, directory: this.#lab.host(host).directories.logs }));
    return showLogs(sources, selection);
  }

  async attach(host: string, command: readonly string[]): Promise<number> {
    const [program = '', ...words] = await this.#lab.host(host).entry(command);
    const child = spawn(program, words, { stdio: 'inherit' });
    // The terminal sends its interrupts to the whole process group; the program inside decides.
    for (const name of ['SIGINT', 'SIGQUIT'] as const) process.on(name, () => undefined);
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 143)));
    });
  }

  async down(reporter: Reporter): Promise<void> {
    await reporter.step('', 'end every host', () => takeDown(this.#lab.stack, this.#lab.stateDirectory));
  }

  /** Data, secrets and logs of every host. */
  purge(): Promise<void> {
    return purge(this.#lab.stateDirectory);
  }
}

const repository = resolve(import.meta.dirname, '../../..');

/** Compiles the agent's code once for all hosts: four that do it side by side take seconds. Only a matter of speed. */
async function warmAgent(): Promise<void> {
  const environment = { ...agentRuntime, NODE_COMPILE_CACHE: join(repository, agentCompileCache) };
  const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const agent = [process.execPath, join(repository, 'src/bin/agent.ts'), '--warm'];
  await runCommand(['env', ...words, ...agent], { timeoutMs: 30_000 }).catch(() => undefined);
}
