/**
 * What a service is, as data. One description is run by the lab's supervisor and by systemd alike, so nothing here
 * may depend on who runs it. Renderers (one file per component) produce these; `src/provision` consumes them.
 */

/** What a change of a file asks of the service that owns it. */
export type FileEffect = 'restart' | 'reload' | 'none';

export interface RenderedFile {
  /** Absolute path on the host, below `/etc/tandem` (`hostPaths.config`). */
  readonly path: string;
  readonly content: string;
  /** Permission bits, e.g. 0o640. */
  readonly mode: number;
  /** Unix user (and group of the same name) that owns the file. */
  readonly owner: string;
  readonly onChange: FileEffect;
  /** True when the content is or holds a secret: it is never printed, not even in a diff. */
  readonly secret?: boolean;
}

export interface ServiceDirectory {
  readonly path: string;
  readonly mode: number;
  readonly owner: string;
}

/** How it is known that the service is ready to serve. */
export type Readiness =
  | { readonly kind: 'process' }
  | { readonly kind: 'tcp'; readonly address: string; readonly port: number }
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'command'; readonly command: readonly string[] };

export type Reload =
  | {
      readonly kind: 'signal';
      readonly signal: NodeJS.Signals;
      /** The main process answers with new workers: the reload is done when the first of them is there. */
      readonly replacesWorkers?: boolean;
    }
  | { readonly kind: 'command'; readonly command: readonly string[] };

export interface RestartPolicy {
  /** First pause before a restart; doubles up to `maxDelayMs`. The first restart after a quiet time is immediate. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** This many exits within `windowMs` are reported as a crash loop (restarts go on, at `maxDelayMs`). */
  readonly crashLoopCount: number;
  readonly windowMs: number;
}

/**
 * What a service may do beyond what it runs as, where the runner can hold it to that (systemd does, the lab does not).
 * Without it: no capability, and nothing to write but its own directories.
 */
export interface Confinement {
  /** Capabilities (capabilities(7)) that it or its children need. */
  readonly capabilities: readonly string[];
  /** Directories that it writes to, beside `directories`. */
  readonly writable?: readonly string[];
  /** Runs commands of the operator's (hooks): of the system's files only /usr, /boot and /etc are closed to it. */
  readonly open?: boolean;
  /** Speaks its protocol below TCP and UDP. */
  readonly rawSockets?: boolean;
}

/** What is shipped to a server as it is, each part under the hash of its content. */
export type ReleaseName = 'code' | 'runtime';

export interface Service {
  /** Unique on its host: `haproxy`, `app-1`, `mariadb` … */
  readonly name: string;
  /** One line for people: what it does. */
  readonly description: string;
  /** `daemon` stays running; `oneshot` runs to its end at start (and again on reload). */
  readonly kind: 'daemon' | 'oneshot';
  /** Program (absolute path) and arguments; never a secret. */
  readonly command: readonly string[];
  /** Unix user that the process starts as. */
  readonly user: string;
  /** Extra groups (by name). */
  readonly groups?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** A rendered file of KEY=value lines that is added to the environment; for secrets. */
  readonly environmentFile?: string;
  readonly workingDirectory?: string;
  readonly directories: readonly ServiceDirectory[];
  readonly files: readonly RenderedFile[];
  /** The program's own check of its files, run before they take effect, where /etc/tandem holds the new ones. */
  readonly validate?: readonly string[];
  /** Runs before each start; a failure is a failed start. */
  readonly beforeStart?: readonly (readonly string[])[];
  /** Runs after each end of the process, also after a crash (systemd's ExecStopPost). Failures are logged only. */
  readonly afterStop?: readonly (readonly string[])[];
  readonly reload?: Reload;
  readonly readiness: Readiness;
  /** How long a start may take until `readiness` holds. */
  readonly startTimeoutMs: number;
  readonly stop: { readonly signal: NodeJS.Signals; readonly timeoutMs: number };
  readonly restart: RestartPolicy;
  /** Names of services on the same host that must be ready first. */
  readonly after: readonly string[];
  /** Who decides that it runs: `up` starts `always`; `agent` services are started and stopped by the host's agent. */
  readonly startedBy: 'always' | 'agent';
  /** Scheduling priority (nice): below 0 for what others wait for by the clock, such as leases; 0 when absent. */
  readonly nice?: number;
  /** How late timers may be, so that wake-ups coincide; the kernel's 50 µs when absent. */
  readonly timerSlackMs?: number;
  /** Open files limit (RLIMIT_NOFILE). */
  readonly openFiles?: number;
  readonly confinement?: Confinement;
  /** The shipped parts that its process is made of, with their hashes; a service restarts when one changes. */
  readonly releases?: Readonly<Partial<Record<ReleaseName, string>>>;
  /** Debian packages that hold the program. */
  readonly packages: readonly string[];
}

/** Priority of services that must answer in time on a busy host. */
export const punctual = -10;

export const defaultRestart: RestartPolicy = {
  baseDelayMs: 100,
  maxDelayMs: 5_000,
  crashLoopCount: 5,
  windowMs: 30_000,
};
