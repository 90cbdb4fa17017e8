/**
 * A lab of the test's own, driven as a user drives it: through `./tandem`. Its name and subnet are the test's, its
 * state lies in a temporary directory, and `close` leaves nothing behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import type { StackFile } from '#src/spec/schema.ts';
import { type CommandOutput, command } from './command.ts';
import { type Fault, injectFault } from './faults.ts';
import { type Answer, type FetchOptions, fetchOnce } from './http.ts';
import { namespaceOf } from './namespaces.ts';

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
    readonly members: readonly {
      readonly host: string;
      readonly role: string;
      readonly lagSeconds: number | null;
    }[];
  };
}

/** The reference stack, with limits raised so that tests may load it from one address. */
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
  };
}

/** A process and everything below it, by the kernel's own list of children. */
function descendants(pid: number): readonly number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [
    pid,
    ...children
      .split(' ')
      .filter(Boolean)
      .flatMap((child) => descendants(Number(child))),
  ];
}

export class Lab {
  readonly directory: string;
  stack: StackFile;
  #ca = '';

  private constructor(directory: string, stack: StackFile) {
    this.directory = directory;
    this.stack = stack;
  }

  /** A lab that is described but not up. */
  static async describe(stack: StackFile): Promise<Lab> {
    const lab = new Lab(await mkdtemp(join(tmpdir(), `tandem-${stack.stack}-`)), stack);
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
    return join(this.directory, 'tandem.yaml');
  }

  async write(stack: StackFile): Promise<void> {
    this.stack = stack;
    await writeFile(this.file, stringify(stack));
  }

  /** Starts `./tandem ARGUMENTS --file FILE`; for tests that interrupt it. */
  spawn(...words: string[]): ChildProcess {
    return spawn(join(repository, 'tandem'), [...this.#words(words)], {
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
    return command(join(repository, 'tandem'), this.#words(words), { cwd: this.directory });
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

  async status(): Promise<Status> {
    return JSON.parse(await this.expect('status', '--json')) as Status;
  }

  async url(path = '/'): Promise<string> {
    this.#site ??= (await this.status()).site;
    return new URL(path, this.#site.url).href;
  }
  #site: Status['site'] | undefined;

  async ca(): Promise<string> {
    await this.url();
    this.#ca ||= await readFile(this.#site?.caFile ?? '', 'utf8');
    return this.#ca;
  }

  async fetch(path: string, options: Omit<FetchOptions, 'ca'> = {}): Promise<Answer> {
    return fetchOnce(await this.url(path), { ca: await this.ca(), ...options });
  }

  /** Runs a program inside a host. */
  exec(host: string, ...command: string[]): Promise<CommandOutput> {
    return this.run('exec', host, '--', ...command);
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
  async signalService(host: string, service: string, signal: NodeJS.Signals): Promise<void> {
    for (const pid of descendants(await this.pid(host, service))) process.kill(pid, signal);
  }

  get hosts(): readonly string[] {
    return Object.keys(this.stack.hosts);
  }

  namespace(host: string): string {
    return namespaceOf(this.stack.stack, host);
  }

  /** Runs a program of this machine in a host's network (its own files stay the machine's). */
  inNetwork(host: string, program: string, ...words: string[]): Promise<CommandOutput> {
    return command('ip', ['netns', 'exec', this.namespace(host), program, ...words]);
  }

  fault(fault: Fault, host: string): Promise<void> {
    return injectFault(this, fault, host);
  }

  async close(): Promise<void> {
    const result = await this.run('down', '--purge', '--yes');
    await rm(this.directory, { recursive: true, force: true });
    if (result.code !== 0)
      throw new Error(`tandem down ended with ${result.code}: ${result.stdout}${result.stderr}`);
  }
}
