/** A host of the lab, behind the port that `up` works through. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256 } from '#src/adapters/sha256.ts';
import {
  type DefinedService,
  SupervisorClient,
  type SupervisorHealth,
} from '#src/adapters/supervisor-client.ts';
import {
  configurationText,
  definitionText,
  type ObservedHost,
  type ServiceStatus,
} from '#src/plan/observed.ts';
import type { RenderedFile, Service } from '#src/render/service.ts';
import { type Issue, TandemError } from '#src/std/errors.ts';
import { codeDirectory } from '#src/topology/paths.ts';
import type { CommandResult, HostDriver, ServiceAction } from '../host-driver.ts';
import { type CommandOptions, runCommand } from './command.ts';
import {
  cacheDirectory,
  ensureHostDirectories,
  freshEntry,
  type HostDirectories,
  hostDirectories,
  joinedEntry,
  withConfiguration,
} from './enter.ts';
import { ensureServiceDirectories, observeFiles, removeFiles, writeFiles } from './files.ts';
import type { Lab } from './lab.ts';
import { namespaceName } from './names.ts';
import { ensureHostNetwork, namespaceExists, processesIn } from './network.ts';
import { supervisorCommand } from './supervisor/keeper.ts';
import { lastLines } from './supervisor/logs.ts';

const supervisorStartMs = 15_000;
const successionMs = 1_500;
const validateTimeoutMs = 30_000;
/** Small heaps: a supervisor holds a few kilobytes of state. */
const runtimeFlags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=1', '--v8-pool-size=1'];

export interface LabHostSpec {
  readonly name: string;
  readonly address: string;
}

export class LabHost implements HostDriver {
  readonly host: string;
  readonly directories: HostDirectories;
  readonly supervisor: SupervisorClient;
  readonly #lab: Lab;
  readonly address: string;

  constructor(lab: Lab, { name, address }: LabHostSpec) {
    this.host = name;
    this.#lab = lab;
    this.address = address;
    this.directories = hostDirectories(lab.stateDirectory, name);
    this.supervisor = new SupervisorClient(join(this.directories.run, 'supervisor.sock'), name);
  }

  /** A host that is not up gets its supervisor, and no service: what runs is decided by the plan that follows. */
  async prepare(): Promise<void> {
    await this.#prepare(false);
  }

  /** Like switching a machine on: the services that were defined start by themselves. */
  async powerOn(): Promise<void> {
    await this.#prepare(true);
  }

  async #prepare(boot: boolean): Promise<void> {
    await this.#lab.ensureNetwork();
    await ensureHostDirectories(this.directories, this.#lab.shared, this.#lab.hostsFile());
    await ensureHostNetwork(this.#lab.network, this.host, this.address);
    await this.#ensureSupervisor(boot);
  }

  async observe(): Promise<ObservedHost> {
    const [files, health] = await Promise.all([observeFiles(this.directories.config), this.#health()]);
    if (health === undefined) return { exists: false, files, services: [] };
    return { exists: true, files, services: await this.supervisor.services() };
  }

  async services(): Promise<readonly ServiceStatus[]> {
    return (await this.#health()) === undefined ? [] : this.supervisor.services();
  }

  async validate(services: readonly Service[]): Promise<void> {
    const checked = services.filter((service) => service.validate !== undefined);
    if (checked.length === 0) return;
    const { stage } = this.directories;
    await rm(stage, { recursive: true, force: true });
    await mkdir(stage, { mode: 0o755 });
    try {
      await writeFiles(
        stage,
        services.flatMap((service) => service.files),
      );
      await ensureServiceDirectories(
        this.directories,
        services.flatMap((service) => service.directories),
      );
      const issues = await Promise.all(checked.map((service) => this.#check(service, stage)));
      const found = issues.flat();
      if (found.length > 0) {
        const message = `${this.host}: a program refuses its new configuration. Nothing was changed.`;
        throw new TandemError('configuration-refused', message, {
          issues: found,
          hint: 'See what the program says; settings of your own in the stack file are the likely cause.',
        });
      }
    } finally {
      await rm(stage, { recursive: true, force: true });
    }
  }

  async #check(service: Service, stage: string): Promise<readonly Issue[]> {
    const command = withConfiguration(stage, service.validate ?? []);
    const { code, stdout, stderr } = await this.run(command, { timeoutMs: validateTimeoutMs });
    if (code === 0) return [];
    const last = `${stdout}\n${stderr}`.split('\n').filter(Boolean).slice(-5).join('; ');
    return [{ path: `${this.host}/${service.name}`, message: last || `the check ended with code ${code}` }];
  }

  async writeFiles(files: readonly RenderedFile[], remove: readonly string[]): Promise<void> {
    await writeFiles(this.directories.config, files);
    await removeFiles(this.directories.config, remove);
  }

  async define(services: readonly Service[]): Promise<void> {
    await this.#health();
    await this.supervisor.define(services.map(definedService));
  }

  async control(service: string, action: ServiceAction): Promise<void> {
    await this.#health();
    await this.supervisor.control(service, action);
  }

  async run(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const pid = (await this.#health())?.pid;
    if (pid === undefined) return runCommand(this.#freshEntry(command), options);
    const result = await runCommand(joinedEntry(pid, command), options);
    // The supervisor may die between the question and the join; its successor has another pid.
    const isGone = result.code === 1 && result.stderr.startsWith('nsenter: cannot open /proc/');
    return isGone ? runCommand(this.#freshEntry(command), options) : result;
  }

  /** Argument array that runs `command` inside the host; for callers that hand their own terminal on. */
  async entry(command: readonly string[]): Promise<readonly string[]> {
    if (!(await namespaceExists(this.#lab.stack, this.host))) {
      throw new TandemError('host-down', `The host ${this.host} is not up.`, {
        hint: "Run 'tandem up' first.",
      });
    }
    const pid = (await this.#health())?.pid;
    return pid === undefined ? this.#freshEntry(command) : joinedEntry(pid, command);
  }

  #freshEntry(command: readonly string[]): readonly string[] {
    return freshEntry(this.#lab.stack, this.host, this.directories, command);
  }

  /** A supervisor that has just died has a successor within 100 ms: that is waited for, a bare host is not. */
  async #health(): Promise<SupervisorHealth | undefined> {
    const health = await this.supervisor.healthIfThere();
    if (health !== undefined || !(await this.#hasProcesses())) return health;
    const deadline = performance.now() + successionMs;
    while (performance.now() < deadline) {
      await sleep(20);
      const next = await this.supervisor.healthIfThere();
      if (next !== undefined) return next;
    }
    return undefined;
  }

  async #hasProcesses(): Promise<boolean> {
    return (await processesIn(namespaceName(this.#lab.stack, this.host))).length > 0;
  }

  async #ensureSupervisor(boot: boolean): Promise<void> {
    if ((await this.#health()) !== undefined) return;
    const { run, data } = this.directories;
    await mkdir(join(data, 'supervisor'), { recursive: true, mode: 0o700 });
    if (!(await this.#hasProcesses())) {
      // As after a reboot: nothing in /run is true any more.
      for (const name of await readdir(run)) await rm(join(run, name), { recursive: true, force: true });
      if (!boot) await rm(join(data, 'supervisor/services.json'), { force: true });
    }
    const program = this.#lab.insidePath(process.execPath);
    const script = `${codeDirectory}/src/bin/supervisor.ts`;
    const warm = this.#freshEntry([...runtimeEnvironment, program, ...runtimeFlags, script, '--warm']);
    await this.#lab.warm(() => runCommand(warm));
    const start = supervisorCommand('now', program, runtimeFlags, script);
    await this.#startSupervisor(this.#freshEntry([...runtimeEnvironment, ...start]));
  }

  /** Starts it again when it ends: the lock may have been held by one that was dying, or is still coming up. */
  async #startSupervisor(argv: readonly string[]): Promise<void> {
    const deadline = performance.now() + supervisorStartMs;
    let isRunning = false;
    while (performance.now() < deadline) {
      if (!isRunning) {
        isRunning = true;
        this.#spawnDetached(argv, () => {
          isRunning = false;
        });
      }
      await sleep(10);
      if ((await this.supervisor.healthIfThere(supervisorStartMs)) !== undefined) return;
    }
    const path = join(this.directories.logs, 'supervisor.log');
    throw new TandemError('host-not-started', `${this.host}: its supervisor did not start.`, {
      issues: lastLines(path, 10).map((line) => ({ path: this.host, message: line })),
      hint: `Its log is ${path}.`,
    });
  }

  #spawnDetached([program = '', ...words]: readonly string[], ended: () => void): void {
    const log = openSync(join(this.directories.logs, 'supervisor.log'), 'a', 0o640);
    try {
      const child = spawn(program, words, { detached: true, stdio: ['ignore', log, log], cwd: '/' });
      child.once('error', ended);
      child.once('exit', () => setTimeout(ended, 50).unref());
      child.unref();
    } finally {
      closeSync(log);
    }
  }
}

/** The lab's supervisors start with nothing of the user's environment. */
const runtimeEnvironment = [
  ...['env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'],
  ...['UV_THREADPOOL_SIZE=1', 'MALLOC_ARENA_MAX=1', `NODE_COMPILE_CACHE=${cacheDirectory}`],
];

export function definedService(service: Service): DefinedService {
  const { files: _files, validate: _validate, packages: _packages, ...rest } = service;
  return {
    ...rest,
    definition: sha256(definitionText(service)),
    configuration: sha256(configurationText(service)),
  };
}

/** Marks a compile cache as filled for this version of the supervisor's code. */
export async function markWarm(cache: string, version: string): Promise<void> {
  await writeFile(join(cache, 'supervisor-version'), version, { mode: 0o600 });
}
