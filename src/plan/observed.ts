/**
 * What is on a host now, as far as a plan needs it, and the fingerprints by which desired and observed are compared.
 * Hashing is handed in, because this room does no I/O and knows no crypto.
 */
import type { RenderedFile, Service } from '#src/render/service.ts';

export type ServiceState = 'running' | 'starting' | 'stopped' | 'failed' | 'crash-loop' | 'done';

export interface ServiceStatus {
  readonly name: string;
  readonly state: ServiceState;
  /** Of the main process; null when there is none. */
  readonly pid: number | null;
  /** When the process (or, without one, the state) began; milliseconds since the Unix epoch. */
  readonly sinceMs: number;
  /** Restarts that nobody asked for, since the service was defined. */
  readonly restarts: number;
  /** `definitionText` hashed, as it was when the process was started; null when it never was. */
  readonly definition: string | null;
  /** `configurationText` hashed, as it was at the last start or reload; null when it never was. */
  readonly configuration: string | null;
  /** Why it is not running, in a sentence; null when it is. */
  readonly reason: string | null;
}

export interface ObservedHost {
  /** False when there is nothing yet: no namespace, no supervisor (lab); no release (systemd). */
  readonly exists: boolean;
  /** `fileIdentity` by absolute path of every file below `/etc/tandem`, and of every unit of Tandem's. */
  readonly files: Readonly<Record<string, string>>;
  readonly services: readonly ServiceStatus[];
  /** What must be put on an existing host before it can be changed, each as a phrase: "install haproxy". */
  readonly lacks?: readonly string[];
}

export type Hash = (text: string) => string;

/** By which a file on a host is compared with one that is wanted. */
export function fileIdentity(file: Pick<RenderedFile, 'content' | 'mode' | 'owner'>, hash: Hash): string {
  return `${file.owner} ${file.mode.toString(8)} ${hash(file.content)}`;
}

/** Content, mode and owner of a file, for the fingerprints of services. */
export function fileText(file: Pick<RenderedFile, 'content' | 'mode' | 'owner'>): string {
  return `${file.owner}\n${file.mode.toString(8)}\n${file.content}`;
}

/** Everything of a service whose change needs a restart of its process. */
export function definitionText(service: Service): string {
  const { kind, command, user, groups, environment, environmentFile, workingDirectory, openFiles } = service;
  const files = service.files
    .filter((file) => file.onChange === 'restart')
    .map((file) => [file.path, fileText(file)]);
  return JSON.stringify([
    kind,
    command,
    user,
    groups ?? [],
    Object.entries(environment).sort(),
    environmentFile ?? null,
    workingDirectory ?? null,
    openFiles ?? null,
    service.nice ?? null,
    service.timerSlackMs ?? null,
    files,
    // Absent in the lab, whose hosts see the code itself.
    ...(service.releases === undefined ? [] : [Object.entries(service.releases).sort()]),
  ]);
}

/** Everything of a service whose change needs a reload. */
export function configurationText(service: Service): string {
  return JSON.stringify(
    service.files.filter((file) => file.onChange === 'reload').map((file) => [file.path, fileText(file)]),
  );
}
