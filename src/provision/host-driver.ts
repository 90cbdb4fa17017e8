/**
 * The port between "what should be on a host" and "how to get it there": implemented by the lab (namespaces and its
 * supervisor) and by SSH (systemd). A driver executes; deciding what to do is `src/plan`.
 */
import type { ProgramInput } from '#src/adapters/process/ending.ts';
import type { ObservedHost, ServiceStatus } from '#src/plan/observed.ts';
import type { RenderedFile, Service } from '#src/render/service.ts';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type ServiceAction = 'start' | 'stop' | 'restart' | 'reload';

export interface HostDriver {
  readonly host: string;
  /**
   * Makes the host ready for `services` (lab: namespace, mounts, supervisor; server: packages, release) without touching
   * what runs. Idempotent; resumes a half-done one.
   */
  prepare(services: readonly Service[]): Promise<void>;
  /** `services`: what is wanted, so that the host can say what it lacks for them. */
  observe(services: readonly Service[]): Promise<ObservedHost>;
  /** Only the services, which is cheaper; empty when no runner answers. */
  services(): Promise<readonly ServiceStatus[]>;
  /**
   * Runs the programs' own checks (`Service.validate`) where /etc/tandem holds `services`' files, without touching the
   * real ones. Rejects with one issue per service whose check fails.
   */
  validate(services: readonly Service[]): Promise<void>;
  /** Writes files atomically (owner and mode before the content shows) and removes `remove`. Restarts nothing. */
  writeFiles(files: readonly RenderedFile[], remove: readonly string[]): Promise<void>;
  /** Hands the runner the definitions that hold from now on. Restarts nothing; services no longer defined keep running. */
  define(services: readonly Service[]): Promise<void>;
  /** Keeps what the host has now (files, definitions, release), for `restore`. Absent where there is no way back. */
  remember?(): Promise<void>;
  /** Puts back what was remembered, and restarts or reloads what ran with something else. */
  restore?(): Promise<void>;
  /** Answers when the action is done (`start`, `restart`: ready); rejects with the reason and the last log lines. */
  control(service: string, action: ServiceAction): Promise<void>;
  /** Runs a program inside the host (its network, its files). */
  run(
    command: readonly string[],
    options?: { timeoutMs?: number; input?: ProgramInput },
  ): Promise<CommandResult>;
}
