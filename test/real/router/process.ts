/** A router as a process of its own, the way a host runs it: for what is measured or signalled. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import type { RouterConfig } from '#src/router/config.ts';
import type { Member } from '#src/router/topology/topology.ts';
import { temporaryDirectory } from '../mariadb/server.ts';
import { waitFor } from '../mariadb/wait.ts';
import { account } from './stack.ts';

const repository = join(import.meta.dirname, '../../..');
/** As src/render/router.ts has it. */
const nodeOptions = '--max-old-space-size=256 --max-semi-space-size=8';

export class RouterProcess {
  readonly socketPath: string;
  readonly controlPath: string;
  readonly #child: ChildProcess;
  readonly #file: string;
  output = '';

  private constructor(child: ChildProcess, file: string, socketPath: string, controlPath: string) {
    this.#child = child;
    this.#file = file;
    this.socketPath = socketPath;
    this.controlPath = controlPath;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
  }

  /** The first of the members is the primary. */
  static async start(members: readonly Member[], config: Partial<RouterConfig> = {}): Promise<RouterProcess> {
    const directory = temporaryDirectory('router-process');
    const topologyFile = join(directory, 'topology.json');
    writeFileSync(topologyFile, JSON.stringify({ primary: members[0]?.name, epoch: 1, members }));
    const file = join(directory, 'router.json');
    const [socketPath, controlPath] = [join(directory, 'socket'), join(directory, 'control')];
    const settings = {
      number: 1,
      listen: { socketPath },
      control: { socketPath: controlPath },
      accounts: [account],
      topologyFile,
      ...config,
    };
    writeFileSync(file, JSON.stringify(settings), { mode: 0o600 });
    return new RouterProcess(launch(file), file, socketPath, controlPath).#listening();
  }

  /** Other settings for a reload; the rest as before. Undefined breaks the file. */
  configure(change: Partial<RouterConfig> | undefined): void {
    const settings = change === undefined ? '{' : JSON.stringify({ ...this.#settings(), ...change });
    writeFileSync(this.#file, settings, { mode: 0o600 });
  }

  #settings(): object {
    return JSON.parse(readFileSync(this.#file, 'utf8')) as object;
  }

  /** Another one with the same configuration, at the same paths, while this one is there. */
  async successor(): Promise<RouterProcess> {
    const next = new RouterProcess(launch(this.#file), this.#file, this.socketPath, this.controlPath);
    return next.#listening();
  }

  async #listening(): Promise<this> {
    await waitFor(
      'the router',
      () => {
        if (this.#child.exitCode !== null) throw new Error(`the router ended: ${this.output}`);
        return this.output.includes('listening') && existsSync(this.controlPath);
      },
      60_000,
    );
    return this;
  }

  /** What the router is told of the members, from now on (within 200 ms). The first of them is the primary. */
  change(epoch: number, members: readonly Member[]): void {
    const topologyFile = join(dirname(this.#file), 'topology.json');
    writeFileSync(topologyFile, JSON.stringify({ primary: members[0]?.name, epoch, members }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Its exit code, when it has ended. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  /** What the control endpoint answers. */
  ask(method: string, path: string, body = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const call = request({ socketPath: this.controlPath, method, path }, async (answer) => {
        resolve(Buffer.concat(await answer.toArray()).toString());
      });
      call.on('error', reject);
      call.end(body);
    });
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }
}

/** One for all routers of a test file; it goes with the other directories. */
function compiled(): string {
  compiledDirectory ??= temporaryDirectory('router-compiled');
  return compiledDirectory;
}
let compiledDirectory: string | undefined;

/** It goes with the test process, whatever happens to that. */
function launch(file: string): ChildProcess {
  return spawn('setpriv', ['--pdeathsig=KILL', process.execPath, 'src/bin/router.ts', file], {
    cwd: repository,
    // One that is killed leaves its file of positions behind: among what the test removes.
    env: { ...process.env, NODE_OPTIONS: nodeOptions, NODE_COMPILE_CACHE: compiled(), TMPDIR: dirname(file) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
