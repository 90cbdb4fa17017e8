/**
 * A lab of the test's own, driven as a user drives it: through `./tandem`. Its name and subnet are the test's, its
 * state lies in a temporary directory, and `close` leaves nothing behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { loadStackFile } from '#src/adapters/stack-file.ts';
import { readStatus } from '#src/provision/health.ts';
import { Stack } from '#src/provision/stack.ts';
import type { StackFile } from '#src/spec/schema.ts';
import { type CommandOutput, command } from './command.ts';
import { type Fault, injectFault, powerOff } from './faults.ts';
import { type Answer, type FetchOptions, fetchOnce } from './http.ts';
import { own } from './leftovers.ts';
import { namespaceOf } from './namespaces.ts';
import { commandText, descendants, type HostProcess, labProcesses, processOf, signal } from './processes.ts';
import { sleep, waitFor } from './wait.ts';

const execTimeoutMs = 600_000;

export const repository = resolve(import.meta.dirname, '../..');

/** The documented answer of `tandem status --json` (docs/reference/status.md). */
export interface Status {
  readonly stack: string;
  readonly healthy: boolean;
  readonly site: { readonly url: string; readonly address: string; readonly caFile: string };
  readonly hosts: readonly {
    readonly name: string;
    readonly address: string;
    readonly roles: readonly string[];
    readonly services: readonly {
      readonly name: string;
      readonly state: string;
      readonly pid: number | null;
      readonly sinceMs: number;
    }[];
  }[];
  readonly balancer: { readonly active: string | null };
  readonly database: {
    readonly primary: string | null;
    readonly epoch: number | null;
    readonly members: readonly {
      readonly host: string;
      readonly role: string;
      readonly sync: boolean;
      readonly lagSeconds: number | null;
    }[];
    readonly failover: { readonly possible: boolean; readonly reason: string };
  };
  /** Said by the command alone. */
  readonly operation?: { readonly by: string; readonly command: string } | null;
  readonly drift?: readonly string[];
  readonly application?: {
    readonly current: string;
    readonly canary: object | null;
    readonly underWay: object | null;
  };
  /** Sentences: what is not healthy. */
  readonly problems: readonly string[];
}

/**
 * The reference stack, with limits raised so that tests may load it from one address, and without monitoring: what is
 * about that turns it on.
 */
export function referenceStack(name: string, subnet: string): StackFile {
  return {
    stack: name,
    network: { subnet },
    hosts: {
      'lb-1': { roles: ['balancer', 'quorum'] },
      'lb-2': { roles: ['balancer'] },
      'server-1': { roles: ['web', 'database', 'quorum'], weight: 2 },
      'server-2': { roles: ['web', 'database', 'quorum'] },
    },
    balancer: {
      rateLimit: {
        requestsPerSecond: 1_000_000,
        connectionsPerSecond: 1_000_000,
        connectionBurst: 1_000_000,
      },
    },
    web: {
      static: join(repository, 'examples/users/public'),
      app: { directory: join(repository, 'examples/users'), command: ['node', 'server.ts'] },
    },
    database: { schema: 'users', schemaFile: join(repository, 'examples/users/schema.sql') },
    monitoring: false,
  };
}

/** Another `./tandem` than this repository's, perhaps one that sees another root directory. */
export interface Launcher {
  readonly command: readonly [string, ...string[]];
  /** Where the launcher's `/` is for this machine. */
  readonly root: string;
  /** The stack file, as the launcher sees it. */
  readonly file: string;
}

export class Lab {
  readonly directory: string;
  stack: StackFile;
  readonly #launcher: Launcher;
  #ca = '';

  private constructor(directory: string, stack: StackFile, launcher?: Launcher) {
    this.directory = directory;
    this.stack = stack;
    this.#launcher = launcher ?? {
      command: [join(repository, 'tandem')],
      root: '/',
      file: join(directory, 'tandem.yaml'),
    };
  }

  /** A lab of another launcher's, its stack file written by the caller; `directory` is removed by `close`. */
  static of(stack: StackFile, directory: string, launcher: Launcher): Lab {
    return new Lab(directory, stack, launcher);
  }

  /** A lab that is described but not up. */
  static async describe(stack: StackFile): Promise<Lab> {
    const lab = new Lab(await mkdtemp(join(tmpdir(), `tandem-${stack.stack}-`)), stack);
    await own(lab.directory);
    await lab.write(stack);
    return lab;
  }

  static async up(stack: StackFile): Promise<Lab> {
    const lab = await Lab.describe(stack);
    try {
      await lab.expect('up');
    } catch (error) {
      await lab.close();
      throw error;
    }
    return lab;
  }

  get file(): string {
    return this.#launcher.file;
  }

  async write(stack: StackFile): Promise<void> {
    this.stack = stack;
    await writeFile(this.file, stringify(stack));
  }

  /** Starts `./tandem ARGUMENTS --file FILE`; for tests that interrupt it. */
  spawn(...words: string[]): ChildProcess {
    const [program, ...before] = this.#launcher.command;
    return spawn(program, [...before, ...this.#words(words)], {
      cwd: this.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
  }

  #words(words: readonly string[]): readonly string[] {
    const split = words.indexOf('--');
    const own = split === -1 ? words : words.slice(0, split);
    return [...own, '--file', this.file, ...(split === -1 ? [] : words.slice(split))];
  }

  run(...words: string[]): Promise<CommandOutput> {
    const [program, ...before] = this.#launcher.command;
    return command(program, [...before, ...this.#words(words)], { cwd: this.directory });
  }

  /** Runs a command that must succeed; its output otherwise is the error. */
  async expect(...words: string[]): Promise<string> {
    const result = await this.run(...words);
    if (result.code !== 0) {
      throw new Error(
        `tandem ${words.join(' ')} ended with ${result.code}:\n${result.stdout}\n${result.stderr}`,
      );
    }
    return result.stdout;
  }

  /** As `tandem status --json` has it; asked without a process of its own, because tests ask all the time. */
  async status(): Promise<Status> {
    const opened = await this.#open();
    return opened === undefined ? this.statusByCommand() : readStatus(opened);
  }

  /** The stack as this repository's commands open it; undefined with another launcher. */
  async #open(): Promise<Stack | undefined> {
    if (this.#launcher.command[0] !== join(repository, 'tandem')) return undefined;
    const loaded = await loadStackFile(this.directory, this.file);
    return Stack.open({ ...loaded, stateDirectory: join(loaded.directory, '.tandem', loaded.spec.stack) });
  }

  async statusByCommand(): Promise<Status> {
    // Exit code 1 says "not healthy", with the same answer on standard output.
    const result = await this.run('status', '--json');
    if (result.code > 1 || !result.stdout.startsWith('{')) {
      throw new Error(`tandem status ended with ${result.code}: ${result.stdout}${result.stderr}`);
    }
    return JSON.parse(result.stdout) as Status;
  }

  /** Waits for health; says otherwise what is not healthy. */
  healthy(timeoutMs = 30_000): Promise<Status> {
    const healthy = async () => {
      const status = await this.status();
      if (!status.healthy) throw new Error(status.problems.join('; '));
      return status;
    };
    return waitFor('a healthy stack', healthy, timeoutMs);
  }

  async url(path = '/'): Promise<string> {
    this.#site ??= (await this.status()).site;
    return new URL(path, this.#site.url).href;
  }
  #site: Status['site'] | undefined;

  async ca(): Promise<string> {
    await this.url();
    this.#ca ||= await readFile(join(this.#launcher.root, this.#site?.caFile ?? ''), 'utf8');
    return this.#ca;
  }

  /** Where the stack keeps its data and secrets: the CA is in `material/` below it. */
  async stateDirectory(): Promise<string> {
    await this.url();
    return resolve(this.#site?.caFile ?? '', '../..');
  }

  async fetch(path: string, options: Omit<FetchOptions, 'ca'> = {}): Promise<Answer> {
    return fetchOnce(await this.url(path), { ca: await this.ca(), ...options });
  }

  /** Runs a program inside a host, as `tandem exec` does. */
  async exec(host: string, ...command: string[]): Promise<CommandOutput> {
    const opened = await this.#open();
    return opened === undefined
      ? this.run('exec', host, '--', ...command)
      : opened.driver(host).run(command, { timeoutMs: execTimeoutMs });
  }

  /** Process id of a service's main process. */
  async pid(host: string, service: string): Promise<number> {
    const found = (await this.status()).hosts
      .find((candidate) => candidate.name === host)
      ?.services.find((candidate) => candidate.name === service);
    if (found?.pid == null) throw new Error(`${service} on ${host} has no process: ${JSON.stringify(found)}`);
    return found.pid;
  }

  /** Sends a signal to every process of a service, its children included. */
  async signalService(host: string, service: string, name: NodeJS.Signals): Promise<void> {
    for (const pid of descendants(await this.pid(host, service))) signal(pid, name);
  }

  /** Kills services of a host again and again, so that their supervisor can't bring them back for a while. */
  async keepDown(host: string, services: readonly string[], durationMs: number): Promise<void> {
    const pids = await Promise.all(services.map((service) => this.pid(host, service)));
    const texts = new Set(pids.flatMap((pid) => processOf(pid) ?? []).map(commandText));
    const until = performance.now() + durationMs;
    do {
      const found = labProcesses(this.stack.stack, [host]).filter((own) => texts.has(commandText(own)));
      for (const pid of found.flatMap((own) => descendants(own.pid))) signal(pid, 'SIGKILL');
      await sleep(10);
    } while (performance.now() < until);
  }

  get hosts(): readonly string[] {
    return Object.keys(this.stack.hosts);
  }

  get subnet(): string {
    return this.stack.network?.subnet ?? '10.77.0.0/24';
  }

  namespace(host: string): string {
    return this.namespaces(host);
  }

  /** Name of a host's network namespace; another for hosts that are whole machines of the test's. */
  namespaces: (host: string) => string = (host) => namespaceOf(this.stack.stack, host);

  /** Every process of this lab: in its hosts, and what keeps the hosts' supervisors up. */
  processes(): readonly HostProcess[] {
    return labProcesses(this.stack.stack, this.hosts);
  }

  /** Runs a program of this machine in a host's network (its own files stay the machine's). */
  inNetwork(host: string, program: string, ...words: string[]): Promise<CommandOutput> {
    return command('ip', ['netns', 'exec', this.namespace(host), program, ...words]);
  }

  fault(fault: Fault, host: string): Promise<void> {
    return injectFault(this, fault, host);
  }

  powerOff(host: string): Promise<void> {
    return powerOff(this, host);
  }

  async close(): Promise<void> {
    const result = await this.run('down', '--purge', '--yes');
    await rm(this.directory, { recursive: true, force: true });
    if (result.code !== 0)
      throw new Error(`tandem down ended with ${result.code}: ${result.stdout}${result.stderr}`);
  }
}
