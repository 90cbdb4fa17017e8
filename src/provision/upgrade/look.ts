/** What an upgrade would do to a host: packages that apt has newer versions of, services whose program was replaced. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Service } from '#src/render/service.ts';
import type { HostSpec } from '#src/spec/spec.ts';
import { TandemError } from '#src/std/errors.ts';
import type { HostDriver } from '../host-driver.ts';

export interface PackageUpgrade {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

export interface HostUpgrade {
  readonly host: HostSpec;
  readonly packages: readonly PackageUpgrade[];
  /** Services that run a program, or a library, that is no longer the one on the disk. */
  readonly stale: readonly { readonly service: string; readonly path: string }[];
  /** Services that belong to the packages to be upgraded. */
  readonly affected: readonly string[];
}

const script = readFileSync(join(import.meta.dirname, 'look.sh'), 'utf8');

/** Hosts of a lab have this machine's packages: they are not theirs to upgrade. */
export function ownsPackages(host: HostSpec): boolean {
  return host.ssh !== undefined;
}

export async function lookAtHost(
  host: HostSpec,
  driver: HostDriver,
  services: readonly Service[],
): Promise<HostUpgrade> {
  const running = (await driver.services()).filter(({ pid }) => pid !== null);
  if (running.length === 0) {
    throw new TandemError('host-down', `${host.name} is not up, or cannot be reached; nothing was changed.`, {
      hint: "'tandem status' says more. Hosts are upgraded one by one, and all of them must serve.",
    });
  }
  const names = ownsPackages(host) ? [...new Set(services.flatMap((service) => service.packages))] : [];
  const command = ['sh', '-c', script, 'sh', ...running.map(({ pid }) => String(pid)), '--', ...names];
  const { code, stdout, stderr } = await driver.run(command);
  if (code !== 0) {
    throw new TandemError('upgrade-look-failed', `${host.name}: what is to be upgraded could not be found.`, {
      issues: [{ path: host.name, message: stderr.trim() }],
    });
  }
  const lines = stdout.split('\n').map((line) => line.split(' '));
  const packages = lines.flatMap(([kind, name = '', from = '', to = '']) =>
    kind === 'upgrade' ? [{ name, from, to }] : [],
  );
  const stale = lines.flatMap(([kind, pid, ...path]) =>
    kind === 'stale'
      ? running
          .filter((each) => each.pid === Number(pid))
          .map(({ name }) => ({ service: name, path: path.join(' ') }))
      : [],
  );
  const upgraded = new Set(packages.map(({ name }) => name));
  const affected = services
    .filter((service) => service.packages.some((name) => upgraded.has(name)))
    .map(({ name }) => name);
  return { host, packages, stale, affected };
}
