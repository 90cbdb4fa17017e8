/**
 * How a program gets inside a host: its network namespace, a mount namespace in which the host's directories lie where
 * `hostPaths` says, and its host name. A fresh mount namespace with the same binds is equivalent to an older one, so
 * nothing is pinned; where a supervisor lives, joining its namespaces is cheaper.
 */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostPaths } from '#src/topology/paths.ts';
import { namespaceName } from './names.ts';

export interface HostDirectories {
  readonly root: string;
  readonly config: string;
  readonly data: string;
  readonly run: string;
  readonly logs: string;
  /** /opt/tandem: mount points (code, cache), and the application's releases (app). */
  readonly releases: string;
  /** Where new files wait for the programs' own checks. */
  readonly stage: string;
  readonly mounts: string;
  readonly hostsFile: string;
}

export function hostDirectories(stateDirectory: string, host: string): HostDirectories {
  const root = join(stateDirectory, 'hosts', host);
  return {
    root,
    config: join(root, 'config'),
    data: join(root, 'data'),
    run: join(root, 'run'),
    logs: join(root, 'logs'),
    releases: join(root, 'releases'),
    stage: join(root, 'stage'),
    mounts: join(root, 'mounts'),
    hostsFile: join(root, 'hosts'),
  };
}

/** Directories of the machine that every host of the lab shows below /opt/tandem. */
export interface SharedDirectories {
  /** Root of Tandem's own repository. */
  readonly code: string;
  /** Writable: the runtime's compile cache. */
  readonly cache: string;
}

export const cacheDirectory = `${hostPaths.releases}/cache`;

/** fstab(5) takes blanks and backslashes as octal. */
export function fstabWord(text: string): string {
  return text.replace(/[\s\\#]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** A state directory below one of the five paths is out of sight once that path is bound over: it comes last. */
function hides(name: keyof typeof hostPaths, { root }: HostDirectories): boolean {
  return root.startsWith(`${hostPaths[name]}/`);
}

/** The binds of a host, in the order in which they are made. */
export function mountTable(directories: HostDirectories, shared: SharedDirectories): string {
  const bind = (source: string, target: string, options = 'bind') =>
    `${fstabWord(source)} ${fstabWord(target)} none ${options} 0 0`;
  const { releases } = directories;
  const own: (keyof typeof hostPaths)[] = ['config', 'data', 'logs', 'releases', 'run'];
  return [
    // Below /opt/tandem first, at their place in the state directory: Tandem itself may lie in /opt/tandem.
    bind(shared.code, join(releases, 'code'), 'rbind,ro'),
    bind(shared.cache, join(releases, 'cache')),
    bind(directories.hostsFile, '/etc/hosts', 'bind,ro'),
    ...own
      .sort((left, right) => Number(hides(left, directories)) - Number(hides(right, directories)))
      .map((name) => bind(directories[name], hostPaths[name], 'rbind')),
    '',
  ].join('\n');
}

/** `sh enter.sh HOST MOUNT-TABLE PROGRAM ARGUMENTS`: one mount(8) makes all binds, so that entering stays quick. */
const enterScript = `set -eu
printf '%s' "$1" >/proc/sys/kernel/hostname
for path in MOUNT_POINTS; do [ -d "$path" ] || mkdir -p "$path"; done
mount --all --fstab "$2"
shift 2
cd /
exec "$@"
`.replace('MOUNT_POINTS', Object.values(hostPaths).join(' '));

/** Makes a host's directories and the files that entering needs. */
export async function ensureHostDirectories(
  directories: HostDirectories,
  shared: SharedDirectories,
  hostsFile: string,
): Promise<void> {
  const own = ['root', 'config', 'data', 'run', 'logs', 'releases'] as const;
  for (const name of own) {
    await mkdir(directories[name], { recursive: true });
    await chmod(directories[name], 0o755);
  }
  await mkdir(shared.cache, { recursive: true });
  for (const name of ['code', 'cache']) await mkdir(join(directories.releases, name), { recursive: true });
  for (const path of Object.values(hostPaths)) await mkdir(path, { recursive: true });
  await writeFile(directories.hostsFile, hostsFile, { mode: 0o644 });
  await writeFile(directories.mounts, mountTable(directories, shared), { mode: 0o600 });
  await writeFile(join(directories.root, 'enter.sh'), enterScript, { mode: 0o600 });
}

/** Argument array that runs `command` inside the host, in a mount namespace of its own. */
export function freshEntry(
  stack: string,
  host: string,
  directories: HostDirectories,
  command: readonly string[],
): readonly string[] {
  // `ip netns exec` unshares the mounts (propagation from the machine only, nothing back) and mounts its own /sys.
  const enter = ['sh', join(directories.root, 'enter.sh'), host, directories.mounts];
  return ['ip', 'netns', 'exec', namespaceName(stack, host), 'unshare', '--uts', ...enter, ...command];
}

/** The same by way of a process that lives inside; about five times as quick. */
export function joinedEntry(insidePid: number, command: readonly string[]): readonly string[] {
  return ['nsenter', `--target=${insidePid}`, '--net', '--mount', '--uts', '--wd=/', '--', ...command];
}

/** Inside a host already: `command` with `directory` in the place of /etc/tandem, for nobody else. */
export function withConfiguration(directory: string, command: readonly string[]): readonly string[] {
  const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
  return [
    ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh'],
    ...[directory, hostPaths.config, ...command],
  ];
}
