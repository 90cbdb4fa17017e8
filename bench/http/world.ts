/** A network namespace of the benchmark's own, in which backends and balancers run side by side. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type CommandOutput, command, expectCommand } from '#test/support/command.ts';
import { waitFor } from '#test/support/wait.ts';
import type { File } from './configurations.ts';

export class World {
  readonly directory: string;
  readonly #namespace: string;
  readonly #children: ChildProcess[] = [];
  #output = '';

  private constructor(directory: string, namespace: string) {
    this.directory = directory;
    this.#namespace = namespace;
  }

  static async open(name: string, addresses: readonly string[]): Promise<World> {
    const directory = await mkdtemp(join(tmpdir(), `${name}-`));
    // nginx and HAProxy read their files as users of their own.
    await expectCommand('chmod', ['755', directory]);
    const world = new World(directory, name);
    await command('ip', ['netns', 'delete', name]);
    await expectCommand('ip', ['netns', 'add', name]);
    await expectCommand('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    for (const address of addresses)
      await expectCommand('ip', ['-n', name, 'address', 'add', address, 'dev', 'lo']);
    return world;
  }

  async write(files: readonly File[]): Promise<void> {
    for (const { path, content } of files) {
      const whole = join(this.directory, path);
      await mkdir(dirname(whole), { recursive: true });
      await writeFile(whole, content);
    }
  }

  run(program: string, words: readonly string[]): Promise<CommandOutput> {
    return command('ip', ['netns', 'exec', this.#namespace, program, ...words]);
  }

  start(words: readonly string[], environment: Readonly<Record<string, string>> = {}): void {
    const child = spawn('ip', ['netns', 'exec', this.#namespace, ...words], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text) => {
        this.#output = `${this.#output}${text}`.slice(-20_000);
      });
    }
    this.#children.push(child);
  }

  async waitForAnswer(url: string): Promise<void> {
    const ask = async () => (await this.run('curl', ['-ksf', '-o', '/dev/null', url])).code === 0;
    await waitFor(url, ask, 15_000, 200).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.#output}`);
    });
  }

  async close(): Promise<void> {
    const ended = this.#children.map((child) =>
      child.exitCode === null ? new Promise((resolve) => child.once('close', resolve)) : undefined,
    );
    for (const child of this.#children) child.kill('SIGTERM');
    const timer = setTimeout(() => {
      for (const child of this.#children) child.kill('SIGKILL');
    }, 3_000);
    await Promise.all(ended);
    clearTimeout(timer);
    await command('ip', ['netns', 'delete', this.#namespace]);
    await rm(this.directory, { recursive: true, force: true });
  }
}
