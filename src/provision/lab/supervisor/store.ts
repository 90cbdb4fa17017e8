/**
 * What a supervisor keeps on disk: the definitions (they outlive a restart of the host) and what runs (it does not).
 * Both are replaced by rename, so that a killed supervisor leaves the old or the new state.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DefinedService } from '#src/adapters/supervisor-client.ts';
import { hostPaths } from '#src/topology/paths.ts';
import type { UnitRecord } from './unit.ts';

/** Below the host's own directories, so that the lab can reach them from outside too. */
export const definitionsPath = `${hostPaths.data}/supervisor/services.json`;
export const recordsPath = `${hostPaths.run}/supervisor/running.json`;
/** Held by the supervisor; the keeper waits for it. Never removed: two locks would make two supervisors. */
export const lockPath = `${hostPaths.data}/supervisor/lock`;

function write(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function read(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

export interface Records {
  readonly keeper: { readonly pid: number; readonly startTicks: string } | null;
  readonly units: readonly UnitRecord[];
}

export const store = {
  definitions: (): readonly DefinedService[] => (read(definitionsPath) as DefinedService[] | undefined) ?? [],
  saveDefinitions: (services: readonly DefinedService[]): void => write(definitionsPath, services),
  /** Undefined when the host has just been started. */
  records: (): Records | undefined => read(recordsPath) as Records | undefined,
  saveRecords: (records: Records): void => write(recordsPath, records),
  removeRecords: (): void => rmSync(recordsPath, { force: true }),
};
