/**
 * A host through this machine's own OpenSSH client (ssh(1), ssh_config(5)): the user's configuration, agent, jump hosts
 * and known hosts hold as they do on the command line. One connection per host carries everything (ControlMaster); it
 * ends by itself a minute after its last use.
 */
import { spawn } from 'node:child_process';
import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { dropPipes, endingOf, type ProgramInput } from '#src/adapters/process/ending.ts';
import { sha256 } from '#src/adapters/sha256.ts';
import { TandemError } from '#src/std/errors.ts';
import type { CommandResult } from '../host-driver.ts';
import { shellWords } from './shell.ts';

export interface SshTarget {
  /** Name of the host in the stack file. */
  readonly host: string;
  /** OpenSSH destination. */
  readonly destination: string;
  readonly configFile: string | undefined;
  /** Directory of the control sockets; made when it is missing. */
  readonly directory: string;
}

export interface RemoteOptions {
  readonly timeoutMs?: number;
  readonly input?: ProgramInput;
  /** It leaves a process behind that may hold its pipes (an older ssh, the shared connection): its own end counts. */
  readonly leavesBehind?: boolean;
}

const connectSeconds = 20;
const defaultTimeoutMs = 300_000;
/** sshd takes ten sessions on one connection (MaxSessions); some are left for a terminal and for logs. */
const sessionsAtOnce = 6;
/** How long the shared connection outlives its last use. */
const persistSeconds = 60;
/** After so long without a use it is looked at before the next one. */
const trustedIdleMs = 20_000;
const forwardMs = 10_000;
/** What a program wrote before its end is read within this. */
const leftPipesMs = 500;
/** ssh's own exit code for a connection that failed or broke. */
const connectionFailed = 255;

/**
 * Where control sockets lie: short, because a unix address has 107 bytes and ssh adds 17 of its own while it binds; of
 * this user alone; the same for every command on one stack.
 */
export function controlDirectory(stateDirectory: string): string {
  const own = join(stateDirectory, 'ssh');
  // ssh's %C has 40 characters.
  if (own.length + 1 + 40 + 17 < 107) return own;
  const key = sha256(stateDirectory).slice(0, 12);
  return join(process.env['XDG_RUNTIME_DIR'] ?? tmpdir(), `tandem-${userInfo().uid}-${key}`);
}

export class SshClient {
  readonly target: SshTarget;
  readonly #sessions = new Places(sessionsAtOnce);
  readonly #forwards = new Map<string, Promise<string>>();
  #directory: Promise<void> | undefined;
  #opened: Promise<void> | undefined;
  #usedMs = Number.NEGATIVE_INFINITY;

  constructor(target: SshTarget) {
    this.target = target;
  }

  /** Arguments of ssh up to and with the destination. */
  arguments(...options: readonly string[]): readonly string[] {
    const { configFile, destination } = this.target;
    const set = Object.entries({
      // What would ask fails instead, and says so.
      BatchMode: 'yes',
      ConnectTimeout: connectSeconds,
      ServerAliveInterval: 15,
      ServerAliveCountMax: 4,
      ControlMaster: 'no',
      // Of the destination as ssh understands it: another user or jump host is another connection.
      ControlPath: join(this.target.directory, '%C'),
      ControlPersist: persistSeconds,
      StreamLocalBindUnlink: 'yes',
      ForwardX11: 'no',
      LogLevel: 'ERROR',
    }).map(([name, value]) => `-o${name}=${value}`);
    // Of an option that is given twice ssh takes the first.
    return [...(configFile === undefined ? [] : ['-F', configFile]), ...options, ...set, '--', destination];
  }

  /** Runs a program on the host as root. Rejects when the host can not be reached; otherwise the result is its own. */
  async run(words: readonly string[], options: RemoteOptions = {}): Promise<CommandResult> {
    await this.#open();
    const result = await this.#sessions.within(() =>
      this.#ssh([...this.arguments(), asRoot(words)], options),
    );
    if (result.code === connectionFailed && (await this.#isClosed())) throw this.unreachable(result.stderr);
    return result;
  }

  /** As `run`, and rejects when the program does. `what` names it: "write files". */
  async expect(what: string, words: readonly string[], options: RemoteOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(words, options);
    if (code === 0) return stdout;
    const last = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
    throw new TandemError('remote-failed', `${this.target.host}: could not ${what} (code ${code}).`, {
      issues: last.slice(-5).map((message) => ({ path: this.target.host, message })),
      hint: 'Put that right, then run the command again: it goes on where this one stopped.',
    });
  }

  /** Program and arguments that run `words` on the host with the caller's terminal. */
  async attached(words: readonly string[], terminal: boolean): Promise<readonly [string, ...string[]]> {
    await this.#open();
    return ['ssh', ...this.arguments(...(terminal ? ['-t'] : [])), asRoot(words)];
  }

  /** A unix socket on this machine that leads to a TCP address as the host sees it. */
  forward(address: string, port: number): Promise<string> {
    const socket = join(this.target.directory, `${this.target.host}.${port}`);
    const known = this.#forwards.get(socket);
    if (known !== undefined) return known;
    // One at a time: two would take each other's socket away.
    const work = this.#forward(socket, address, port).finally(() => this.#forwards.delete(socket));
    this.#forwards.set(socket, work);
    return work;
  }

  async #forward(socket: string, address: string, port: number): Promise<string> {
    await this.#open();
    if (await canConnect(socket)) return socket;
    const spec = `-L${socket}:${address}:${port}`;
    // A connection that knows the forwarding already would say yes and bind nothing.
    await this.#ssh(this.arguments('-O', 'cancel', spec), { timeoutMs: forwardMs });
    await rm(socket, { force: true });
    const { code, stderr } = await this.#ssh(this.arguments('-O', 'forward', spec), { timeoutMs: forwardMs });
    if (code === 0) return socket;
    // The next try begins with a look at the connection.
    this.#opened = undefined;
    throw this.unreachable(`port forwarding: ${stderr.trim()}`);
  }

  /** Ends the shared connection. */
  async close(): Promise<void> {
    await this.#ssh(this.arguments('-O', 'exit'), { timeoutMs: 5_000 });
    const names = await readdir(this.target.directory).catch(() => []);
    const own = names.filter((name) => name.startsWith(`${this.target.host}.`));
    for (const name of own) await rm(join(this.target.directory, name), { force: true });
  }

  /** The shared connection, up: a host that can not be reached is found here, in ssh's own words. */
  #open(): Promise<void> {
    const idleMs = performance.now() - this.#usedMs;
    this.#usedMs = performance.now();
    // It ends by itself when nothing uses it, such as while another server takes its time.
    if (idleMs > trustedIdleMs) this.#opened = undefined;
    this.#opened ??= this.#connect().catch((error) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #connect(): Promise<void> {
    this.#directory ??= ownDirectory(this.target.directory);
    await this.#directory;
    if (!(await this.#isClosed())) return;
    const { code, stderr } = await this.#ssh([...this.arguments('-oControlMaster=yes'), 'true'], {
      timeoutMs: (connectSeconds + 10) * 1_000,
      leavesBehind: true,
    });
    if (code === connectionFailed || code === 124) throw this.unreachable(stderr);
  }

  async #isClosed(): Promise<boolean> {
    return (await this.#ssh(this.arguments('-O', 'check'), { timeoutMs: 5_000 })).code !== 0;
  }

  unreachable(words: string): TandemError {
    const { host, destination } = this.target;
    const said = words.trim().split('\n').filter(Boolean).slice(-1)[0] ?? 'no answer';
    return new TandemError('host-unreachable', `${host} cannot be reached over SSH: ${said}`, {
      hint: `'ssh ${destination}' must work from here without a question.`,
    });
  }

  #ssh(words: readonly string[], options: RemoteOptions): Promise<CommandResult> {
    return runLocal(['ssh', ...words], options);
  }
}

/** So many at once; the others wait for their turn. */
class Places {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async within<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((turn) => this.#waiting.push(turn));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

/** One word for the remote shell, whichever it is: root runs it at once, others through sudo without a password. */
function asRoot(words: readonly string[]): string {
  const script = 'if [ "$(id -u)" = 0 ]; then exec "$@"; else exec sudo -n -- "$@"; fi';
  return shellWords(['sh', '-c', script, 'sh', ...words]);
}

async function ownDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found = await lstat(directory);
  if (found.isDirectory() && found.uid === userInfo().uid && (found.mode & 0o077) === 0) return;
  throw new TandemError('bad-control-directory', `${directory} is not a directory of yours alone.`, {
    hint: 'Remove it, then run the command again.',
  });
}

function canConnect(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const end = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** Exit code 127: the program is not there; 124: it took too long and was killed. */
async function runLocal(argv: readonly string[], options: RemoteOptions): Promise<CommandResult> {
  const { timeoutMs = defaultTimeoutMs, input } = options;
  const [program = '', ...words] = argv;
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'pipe'] });
  const onLate = () => {
    child.kill('SIGKILL');
    dropPipes(child);
  };
  if (options.leavesBehind === true)
    child.once('exit', () => setTimeout(() => dropPipes(child), leftPipesMs).unref());
  try {
    const { code, stdout, stderr, isLate } = await endingOf(child, { input, timeoutMs, onLate });
    if (!isLate) return { code: code ?? 255, stdout, stderr };
    return { code: 124, stdout, stderr: `${stderr}\nno end within ${timeoutMs} ms` };
  } catch (error) {
    return { code: 127, stdout: '', stderr: `${program}: ${(error as Error).message}` };
  }
}
