/** Where the application's releases are: made on this machine, copied to every web host, found again when one is lost. */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { ensureDirectory, writeFileAtomic } from '#src/adapters/files/atomic.ts';
import { sha256 } from '#src/adapters/sha256.ts';
import { hostsWithRole } from '#src/spec/spec.ts';
import { staticPath } from '#src/spec/static-path.ts';
import { TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { type ApplicationRecord, previousRelease, releaseOf } from '#src/topology/application.ts';
import type { StackAccess } from '../health.ts';
import { operatorName } from '../stack-lock.ts';
import { archiveDirectory, archivePath, keepArchives, makeArchive, type ReleaseArchive } from './archive.ts';
import { HostApplication } from './host.ts';

export interface ReleasePlace {
  readonly access: StackAccess;
  readonly stateDirectory: string;
  /** Directory that relative paths of the stack file start from. */
  readonly directory: string;
  readonly reporter: Reporter;
}

export function webHosts({ access }: Pick<ReleasePlace, 'access'>): readonly HostApplication[] {
  return hostsWithRole(access.spec, 'web').map(
    ({ name }) => new HostApplication(access.infrastructure.driver(name)),
  );
}

/** A release of what `source` names, a directory or an archive; by default of the stack file's `web.app.directory`. */
export function makeRelease(place: ReleasePlace, source?: string): Promise<ReleaseArchive> {
  const { spec } = place.access;
  const from = source ?? resolve(place.directory, spec.web.app.directory);
  return place.reporter.step('', `make a release of ${from}`, () =>
    makeArchive({ source: from, stateDirectory: place.stateDirectory, staticPath: staticPath(spec) }),
  );
}

/** The record of a stack's first release. */
export function firstRecord({ release }: ReleaseArchive, source: string): ApplicationRecord {
  const event = { release, change: 'first', by: operatorName(), atMs: Date.now(), detail: source } as const;
  return { current: release, canary: null, underWay: null, history: [event] };
}

/**
 * Gives every web host that runs nothing yet the release that it should run. Hosts that run another one are left alone:
 * changing that under traffic is `deploy`'s.
 */
export async function installMissing(place: ReleasePlace, record: ApplicationRecord): Promise<void> {
  await Promise.all(
    webHosts(place).map(async (host) => {
      const { current } = await host.observe();
      if (current !== null) return;
      const release = releaseOf(record, host.host);
      await place.reporter.step(host.host, `install release ${release}`, async () => {
        await host.install(await findArchive(place, release));
        await host.use(release);
        await host.applied(release);
      });
    }),
  );
}

/** The release on every web host, ready to be switched to. Nothing that runs changes. */
export async function distribute(
  place: ReleasePlace,
  hosts: readonly HostApplication[],
  archive: ReleaseArchive,
): Promise<void> {
  await Promise.all(
    hosts.map(async (host) => {
      const { releases } = await host.observe();
      if (releases.includes(archive.release)) return;
      const title = `copy release ${archive.release} (${mebibytes(archive.bytes)})`;
      await place.reporter.step(host.host, title, () => host.install(archive));
    }),
  );
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** So many releases of the last changes stay on this machine, beside those that hosts keep. */
const keptArchives = 5;

/** Keeps what runs, what ran before it, and what is being tried; on this machine a few more. */
export async function prune(
  { stateDirectory }: Pick<ReleasePlace, 'stateDirectory'>,
  hosts: readonly HostApplication[],
  record: ApplicationRecord,
): Promise<void> {
  const wanted = [record.current, previousRelease(record), record.canary?.release];
  await Promise.all(
    hosts.map(async (host) => {
      const { current, applied } = await host.observe();
      await host.keep(named([...wanted, current, applied]));
    }),
  );
  const recent = record.history.map(({ release }) => release).slice(-keptArchives);
  await keepArchives(stateDirectory, named([...wanted, ...recent]));
}

function named(releases: readonly (string | null | undefined)[]): readonly string[] {
  return [...new Set(releases.filter((release) => release !== null && release !== undefined))];
}

/** Size of what is in a gzip file (RFC 1952, ISIZE: its last four bytes); undefined when there is no such file. */
async function unpackedBytes(path: string): Promise<number | undefined> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    return (await file.read(Buffer.alloc(4), 0, 4, size - 4)).buffer.readUInt32LE();
  } finally {
    await file.close();
  }
}

/** On this machine, or else from a web host that has it. */
export async function findArchive(place: ReleasePlace, release: string): Promise<ReleaseArchive> {
  const file = archivePath(place.stateDirectory, release);
  const bytes = await unpackedBytes(file);
  if (bytes !== undefined) return { release, file, bytes };
  for (const host of webHosts(place)) {
    const seen = await host.observe().catch(() => undefined);
    if (seen?.releases.includes(release) !== true) continue;
    const content = await host.export(release);
    const tar = gunzipSync(content);
    if (!sha256(tar).startsWith(release)) continue;
    await ensureDirectory(archiveDirectory(place.stateDirectory));
    await writeFileAtomic(file, content);
    return { release, file, bytes: tar.length };
  }
  throw new TandemError('release-lost', `Release ${release} is neither on this machine nor on a web host.`, {
    hint: "Run 'tandem deploy' with its directory or archive; the same content is the same release.",
  });
}
