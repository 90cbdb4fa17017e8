/** What a server is like now: the observation script's lines, read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseShow, unitProperties } from '#src/adapters/systemd/units.ts';
import type { ServiceStatus } from '#src/plan/observed.ts';
import type { ReleaseName } from '#src/render/service.ts';

export interface ServerObservation {
  /** `fileIdentity` by path. */
  readonly files: Readonly<Record<string, string>>;
  readonly services: readonly ServiceStatus[];
  /** Hashes of the parts that are shown below /opt/tandem now. */
  readonly releases: Readonly<Partial<Record<ReleaseName, string>>>;
  /** Those of the packages that were asked for which are installed. */
  readonly packages: readonly string[];
}

const script = readFileSync(join(import.meta.dirname, 'observe.sh'), 'utf8');

/** Run as root, with the names of packages on standard input. */
export const observeCommand: readonly string[] = ['sh', '-c', script, 'sh', unitProperties];
export const observeServicesCommand: readonly string[] = [...observeCommand, 'services'];

export function parseObservation(text: string): ServerObservation {
  const end = text.indexOf('\nunits\n');
  const lines = text.slice(0, end).split('\n');
  const words = (kind: string) =>
    lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.split(' ').slice(1));
  const [clock] = words('clock');
  const [now = '0', uptime = '0'] = clock ?? [];
  const notes = new Map(words('note').map(([name = '', hash]) => [name, hash]));
  const drifted = new Set(words('drift').map(([name]) => name));
  const services = parseShow(text.slice(end + '\nunits\n'.length), {
    bootMs: (Number(now) - Number(uptime)) * 1_000,
    notes: (service) => ({
      definition: notes.get(`${service}.definition`),
      configuration: notes.get(`${service}.configuration`),
    }),
  });
  return {
    files: filesOf(words),
    services: services.map((service) =>
      drifted.has(service.name)
        ? { ...service, state: 'failed', reason: 'its rules were changed on the host' }
        : service,
    ),
    releases: Object.fromEntries(
      words('release').map(([name = '', target = '']) => [name, target.replace('releases/', '')]),
    ),
    packages: words('package').map(([name = '']) => name),
  };
}

function filesOf(words: (kind: string) => readonly string[][]): Readonly<Record<string, string>> {
  // sha256sum prints two spaces between hash and path.
  const hashes = new Map(words('content').map(([hash = '', _space, ...path]) => [path.join(' '), hash]));
  return Object.fromEntries(
    words('owner').map(([owner = '', mode = '', ...parts]) => {
      const path = parts.join(' ');
      return [path, `${owner} ${mode} ${hashes.get(path) ?? ''}`];
    }),
  );
}
