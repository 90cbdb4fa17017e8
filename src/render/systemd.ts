/**
 * A service as a systemd unit (systemd.service(5), systemd.exec(5), version 252): the same description that the lab's
 * supervisor runs. What the unit started from is noted in /run by the unit itself, so that a plan compares with what
 * runs and not with what lies on disk, whoever started or reloaded it.
 */
import { hostPaths } from '#src/topology/paths.ts';
import { lines } from './files.ts';
import type { Readiness, RenderedFile, Service } from './service.ts';

export const unitDirectory = '/etc/systemd/system';
export const unitPrefix = 'tandem-';

/** Fingerprints of what is defined; `define` writes them. */
export const definedDirectory = `${hostPaths.data}/units`;
/** Fingerprints of what runs; each unit copies its own there when it starts and reloads. */
export const startedDirectory = `${hostPaths.run}/units`;

export const unitName = (service: string) => `${unitPrefix}${service}.service`;

/** The service with its unit among its files: what is planned, compared and removed like every other file. */
export function withUnit(service: Service): Service {
  const unit: RenderedFile = {
    path: `${unitDirectory}/${unitName(service.name)}`,
    content: unitText(service),
    mode: 0o644,
    owner: 'root',
    onChange: 'none',
  };
  return { ...service, files: [...service.files, unit] };
}

export function unitText(service: Service): string {
  return [
    '# Rendered by Tandem from the stack file; changes here are overwritten by the next `tandem up`.',
    unitSection(service),
    serviceSection(service),
    // An agent's service is started by the agent, which knows whether and how it may.
    ...(service.startedBy === 'always' ? [lines('[Install]', 'WantedBy=multi-user.target')] : []),
  ].join('\n');
}

function unitSection({ description, after }: Service): string {
  return lines(
    '[Unit]',
    `Description=Tandem: ${percent(description)}`,
    `After=network-online.target ${after.map(unitName).join(' ')}`.trimEnd(),
    'Wants=network-online.target',
    // It is tried again for as long as it takes, as somebody may be mending what it needs.
    'StartLimitIntervalSec=0',
  );
}

function serviceSection(service: Service): string {
  return lines(
    '[Service]',
    service.kind === 'daemon' ? 'Type=exec' : ['Type=oneshot', 'RemainAfterExit=yes'],
    `User=${service.user}`,
    service.groups !== undefined && `SupplementaryGroups=${service.groups.join(' ')}`,
    Object.entries({ LANG: 'C.UTF-8', ...service.environment }).map(
      ([name, value]) => `Environment=${quoted(`${name}=${value}`)}`,
    ),
    service.environmentFile !== undefined && `EnvironmentFile=${percent(service.environmentFile)}`,
    `WorkingDirectory=${percent(service.workingDirectory ?? '/')}`,
    `SyslogIdentifier=${unitPrefix}${service.name}`,
    '',
    before(service),
    `ExecStart=${command(service.command)}`,
    ready(service),
    reload(service),
    (service.afterStop ?? []).map((words) => `ExecStopPost=-+${command(words)}`),
    '',
    ending(service),
    limits(service),
    '',
    confinement(service),
  );
}

/** Directories exactly as described, whatever was there; then what the start is made from is noted. */
function before({ name, directories, beforeStart }: Service): readonly string[] {
  const install = (mode: number, owner: string, path: string) =>
    `ExecStartPre=+/usr/bin/install -d -m ${mode.toString(8).padStart(4, '0')} -o ${owner} -g ${owner} ${command([path])}`;
  const noted = ['definition', 'configuration'].map((kind) => `${definedDirectory}/${name}.${kind}`);
  return [
    install(0o755, 'root', hostPaths.run),
    install(0o755, 'root', startedDirectory),
    ...directories.map(({ path, mode, owner }) => install(mode, owner, path)),
    `ExecStartPre=-+/usr/bin/cp -f ${noted.join(' ')} ${startedDirectory}/`,
    ...(beforeStart ?? []).map((words) => `ExecStartPre=+${command(words)}`),
  ];
}

/** How long a process without a better sign must live: a wrong argument shows at once. */
const settleSeconds = 0.1;

/** `systemctl start` answers when this has: the unit is ready, not only begun. */
function ready({ kind, readiness }: Service): readonly string[] {
  if (kind === 'oneshot') return [];
  if (readiness.kind === 'process') return [`ExecStartPost=+/usr/bin/sleep ${settleSeconds}`];
  // A main process that has ended will not become ready.
  const script = `until ${sign(readiness)}; do kill -0 "$MAINPID" 2>/dev/null || exit 1; sleep 0.05; done`;
  return [`ExecStartPost=+${command(['/bin/sh', '-c', script])}`];
}

/** By connecting, as clients do: a listener may be bound to every address, or to another name that it renames. */
function sign(readiness: Exclude<Readiness, { kind: 'process' }>): string {
  switch (readiness.kind) {
    case 'tcp':
      return `perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(PeerAddr => shift, Timeout => 2)' ${readiness.address}:${readiness.port}`;
    case 'socket':
      return `perl -MIO::Socket::UNIX -e 'exit !IO::Socket::UNIX->new(shift)' ${readiness.path}`;
    case 'command':
      return readiness.command.map(shellWord).join(' ');
    default:
      return readiness satisfies never;
  }
}

function reload({ name, reload: how }: Service): readonly string[] {
  if (how === undefined) return [];
  const noted = `ExecReload=-+/usr/bin/cp -f ${definedDirectory}/${name}.configuration ${startedDirectory}/`;
  if (how.kind === 'command') return [`ExecReload=+${command(how.command)}`, noted];
  const signal = how.signal.replace(/^SIG/, '');
  const children = 'cat "/proc/$MAINPID/task/$MAINPID/children"';
  // Done when a worker is there that was not there before, and failed when none comes; a process that only takes note
  // of the signal has none.
  const script = how.replacesWorkers
    ? `old=" $(${children}) "; kill -${signal} "$MAINPID"; i=0; while [ $i -lt 200 ]; do for p in $(${children}); do case "$old" in *" $p "*) ;; *) exit 0 ;; esac; done; i=$((i+1)); sleep 0.05; done; echo 'started no new worker with its new configuration' >&2; exit 1`
    : `kill -${signal} "$MAINPID"`;
  return [`ExecReload=+${command(['/bin/sh', '-c', script])}`, noted];
}

/** At a boot everything starts at once, and takes longer than alone. */
const atBoot = 4;

function ending({ kind, stop, restart, startedBy, startTimeoutMs }: Service): readonly string[] {
  return [
    // The main process ends its own; what is left then is killed, because it may hold ports and addresses.
    'KillMode=mixed',
    `KillSignal=${stop.signal}`,
    `TimeoutStartSec=${startTimeoutMs * atBoot}ms`,
    `TimeoutStopSec=${stop.timeoutMs}ms`,
    ...(startedBy === 'agent' || kind === 'oneshot'
      ? ['Restart=no']
      : ['Restart=always', `RestartSec=${restart.baseDelayMs}ms`]),
  ];
}

function limits({ nice, timerSlackMs, openFiles }: Service): readonly string[] {
  return [
    ...(openFiles === undefined ? [] : [`LimitNOFILE=${openFiles}`]),
    ...(nice === undefined ? [] : [`Nice=${nice}`]),
    ...(timerSlackMs === undefined ? [] : [`TimerSlackNSec=${timerSlackMs}ms`]),
  ];
}

const families = ['AF_UNIX', 'AF_INET', 'AF_INET6', 'AF_NETLINK'];

function confinement({ user, directories, confinement: given }: Service): readonly string[] {
  const capabilities = given?.capabilities ?? [];
  const own = directories.map(({ path }) => path).concat(given?.writable ?? []);
  const closed = given?.open === true ? ['ProtectSystem=full'] : ['ProtectSystem=strict', 'ProtectHome=yes'];
  return [
    ...closed,
    ...(given?.open === true || own.length === 0
      ? []
      : [`ReadWritePaths=${own.map((path) => `-${path}`).join(' ')}`]),
    'PrivateTmp=yes',
    'PrivateDevices=yes',
    'ProtectClock=yes',
    'ProtectControlGroups=yes',
    'ProtectHostname=yes',
    'ProtectKernelLogs=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelTunables=yes',
    'LockPersonality=yes',
    'NoNewPrivileges=yes',
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'SystemCallArchitectures=native',
    `RestrictAddressFamilies=${[...families, ...(given?.rawSockets === true ? ['AF_PACKET'] : [])].join(' ')}`,
    `CapabilityBoundingSet=${capabilities.join(' ')}`,
    ...(user === 'root' ? [] : ['AmbientCapabilities=']),
  ];
}

function percent(text: string): string {
  return text.replaceAll('%', '%%');
}

/** A word in double quotes, as unit files read it; specifiers (%) are taken literally. */
function quoted(text: string): string {
  return `"${percent(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** A command line: words are quoted where they must be, and $ (a variable to systemd) is taken literally. */
function command(words: readonly string[]): string {
  return words
    .map((word) => word.replaceAll('$', '$$$$'))
    .map((word) => (/^[\w@+,./:=$-]+$/.test(word) ? word : quoted(word)))
    .join(' ');
}

function shellWord(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
