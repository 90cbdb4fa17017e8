/** How a service's process is started: user, groups, limits, environment, directories, log. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, closeSync, fchownSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DefinedService } from '#src/adapters/supervisor-client.ts';
import { hostPaths } from '#src/topology/paths.ts';
import { type Account, findAccount } from './accounts.ts';
import { serviceVariable } from './processes.ts';

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function logPath(service: string): string {
  return `${hostPaths.logs}/${service}.log`;
}

/** KEY=value lines, blank lines and # comments (systemd's EnvironmentFile without quoting rules). */
export function parseEnvironmentFile(text: string): Record<string, string> {
  const result: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const found = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
    if (found?.[1] !== undefined) result[found[1]] = found[2] ?? '';
  }
  return result;
}

export function serviceEnvironment(service: DefinedService, account: Account): Record<string, string> {
  const { environmentFile } = service;
  return {
    PATH: searchPath,
    LANG: 'C.UTF-8',
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    ...service.environment,
    ...(environmentFile === undefined ? {} : parseEnvironmentFile(readFileSync(environmentFile, 'utf8'))),
    [serviceVariable]: service.name,
  };
}

/** RLIMIT_NOFILE that this process may give on; in a container even root can not raise it. */
const openFilesLimit = Number(
  /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ??
    Number.POSITIVE_INFINITY,
);

/** What systemd's TimerSlackNSec= does; threads and programs that follow inherit it. */
const slackScript = 'echo "$1" >/proc/self/timerslack_ns; shift; exec "$@"';

/** Each program execs what follows: the process keeps its pid. Root without limits needs none. */
export function wrapCommand(
  command: readonly string[],
  account: Account,
  { openFiles, nice, timerSlackMs }: Pick<DefinedService, 'openFiles' | 'nice' | 'timerSlackMs'>,
): readonly string[] {
  const nofile = Math.min(openFiles ?? 0, openFilesLimit);
  const limits = openFiles === undefined ? [] : ['prlimit', `--nofile=${nofile}:${nofile}`, '--'];
  const { uid, gid } = account;
  const groups = `--groups=${account.groups.join(',')}`;
  const plain = uid === 0 && account.groups.length === 1;
  const identity = plain ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, groups, '--'];
  const priority = nice === undefined ? [] : ['nice', '-n', String(nice)];
  const slack =
    timerSlackMs === undefined ? [] : ['sh', '-c', slackScript, 'sh', String(timerSlackMs * 1_000_000)];
  return [...priority, ...slack, ...limits, ...identity, ...command];
}

/** Directories with exactly this owner and mode, whatever was there. */
export function ensureDirectories(service: DefinedService): void {
  for (const { path, mode, owner } of service.directories) {
    const { uid, gid } = findAccount(owner);
    mkdirSync(path, { recursive: true });
    chmodSync(path, mode);
    chownSync(path, uid, gid);
  }
}

/** Opened O_APPEND, so that truncation by the rotation takes effect; owned by the service, so that it may reopen it. */
function openLog(service: DefinedService): number {
  const path = logPath(service.name);
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, 'a', 0o640);
  const { uid, gid } = findAccount(service.user);
  fchownSync(file, uid, gid);
  return file;
}

/** Starts the main process in a session of its own; it outlives the supervisor. */
export function launch(service: DefinedService): ChildProcess {
  const account = findAccount(service.user, service.groups);
  return spawnLogged(service, wrapCommand(service.command, account, service), account, {});
}

function spawnLogged(
  service: DefinedService,
  argv: readonly string[],
  account: Account,
  extraEnvironment: Readonly<Record<string, string>>,
): ChildProcess {
  const log = openLog(service);
  try {
    const [program = '', ...words] = argv;
    return spawn(program, words, {
      cwd: service.workingDirectory ?? '/',
      env: { ...serviceEnvironment(service, account), ...extraEnvironment },
      detached: true,
      stdio: ['ignore', log, log],
    });
  } finally {
    closeSync(log);
  }
}

/** Runs one of a service's helper commands (as root, like systemd's `+`); rejects when it fails or takes too long. */
export function runHelper(
  service: DefinedService,
  command: readonly string[],
  timeoutMs: number,
  mainPid: number | null = null,
): Promise<void> {
  return new Promise((done, fail) => {
    const environment = mainPid === null ? {} : { MAINPID: String(mainPid) };
    const child = spawnLogged(service, command, findAccount('root'), environment);
    const words = command.join(' ');
    const timer = setTimeout(() => {
      if (child.pid !== undefined) killGroup(child.pid);
      fail(new Error(`'${words}' took longer than ${timeoutMs} ms`));
    }, timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      fail(new Error(`'${words}' could not be started: ${error.message}`));
    });
    child.on('exit', (code, signalName) => {
      clearTimeout(timer);
      if (code === 0) done();
      else fail(new Error(`'${words}' ${describeExit(code, signalName)}`));
    });
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

export function describeExit(code: number | null, signalName: string | null): string {
  return signalName === null ? `ended with code ${code ?? 'unknown'}` : `was ended by ${signalName}`;
}
