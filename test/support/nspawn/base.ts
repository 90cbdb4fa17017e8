/**
 * The bare Debian that test hosts boot from, and the packages that they can get: built once per content key, outside the
 * repository, and never changed afterwards (hosts have an overlay each).
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostServices } from '#src/render/host-services.ts';
import { fixedMaterial } from '#test/fixtures/material.ts';
import { referenceSpec } from '#test/fixtures/spec.ts';
import { expectCommand } from '../command.ts';
import { needPackages } from '../packages.ts';

const cache = '/var/cache/tandem-test';
const script = join(import.meta.dirname, 'build-base.sh');

/** What Tandem's services need on the hosts of the reference stack. */
function packages(): readonly string[] {
  const spec = referenceSpec();
  const material = fixedMaterial(spec);
  const services = spec.hosts.flatMap((host) => hostServices({ spec, host, material }));
  return [...new Set(services.flatMap((service) => service.packages))].sort();
}

export interface Base {
  /** Root directory of a bare Debian. */
  readonly root: string;
  /** A directory as a package mirror serves it. */
  readonly repository: string;
}

/** A second run is instant; the first takes minutes. */
export async function ensureBase(): Promise<Base> {
  // The last two are for the hosts that boot from it.
  await needPackages('debootstrap', 'dpkg-dev', 'systemd-container', 'openssh-client');
  const text = await readFile(script, 'utf8');
  const wanted = packages();
  const key = createHash('sha256')
    .update(JSON.stringify([text, wanted]))
    .digest('hex');
  const directory = join(cache, `debian-12-${key.slice(0, 12)}`);
  if (!existsSync(directory)) {
    await mkdir(cache, { recursive: true });
    await expectCommand(
      'flock',
      [join(cache, 'lock'), 'sh', '-c', '[ -e "$2" ] || exec sh "$@"', 'sh', script, directory, ...wanted],
      { timeoutMs: 3_600_000 },
    );
  }
  return { root: join(directory, 'root'), repository: join(directory, 'repository') };
}
