/**
 * Debian packages of the data plane. Their own system services are neither started nor left enabled, because Tandem runs
 * the programs itself; services of packages that were on the machine before are not touched.
 */

import { TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { execute, type Result } from './execute.ts';
import { withoutServiceStarts } from './policy.ts';

/** Rejects with apt's own last words when a package can not be installed. Quick when all are there. */
export async function installPackages(names: readonly string[], reporter: Reporter): Promise<void> {
  const missing = await missingPackages(names);
  if (missing.length === 0) return;
  await reporter.step('', `install Debian packages: ${missing.join(', ')}`, () => install(missing));
}

export async function missingPackages(names: readonly string[]): Promise<readonly string[]> {
  const installed = await installedPackages();
  return [...new Set(names)].filter((name) => !installed.has(name)).sort();
}

async function installedPackages(): Promise<ReadonlySet<string>> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format, not ours.
  const { stdout } = await execute('dpkg-query', ['-W', '-f', '${db:Status-Abbrev} ${Package}\n']).catch(
    (cause) => {
      throw new TandemError(
        'not-debian',
        'This machine has no dpkg: Tandem needs Debian 12 or a relative of it.',
        {
          hint: 'Run Tandem on Debian 12.',
          cause,
        },
      );
    },
  );
  return new Set(
    stdout
      .split('\n')
      .filter((line) => line.startsWith('ii'))
      .map((line) => line.split(/\s+/)[1] ?? ''),
  );
}

async function install(names: readonly string[]): Promise<void> {
  const before = await installedPackages();
  await withoutServiceStarts(async () => {
    // The lists may be missing or old: the first failure is answered by fetching them, the second is final.
    const first = await aptGet('install', names);
    if (first.code === 0) return;
    const update = await aptGet('update', []);
    const second = await aptGet('install', names);
    if (second.code !== 0) throw installError(names, update.code === 0 ? second : update);
  });
  const after = await installedPackages();
  await disableServices([...after].filter((name) => !before.has(name)));
}

function aptGet(command: 'install' | 'update', names: readonly string[]): Promise<Result> {
  const options = ['-y', '-q', '-o', 'DPkg::Lock::Timeout=300'];
  const choice = command === 'install' ? ['--no-install-recommends', '--no-upgrade'] : [];
  return execute('apt-get', [command, ...options, ...choice, ...names], {
    environment: { DEBIAN_FRONTEND: 'noninteractive' },
    mayFail: true,
  });
}

function installError(names: readonly string[], result: Result): TandemError {
  const words = `${result.stdout}\n${result.stderr}`.trim().split('\n').slice(-8);
  return new TandemError('package-install-failed', `apt-get could not install ${names.join(', ')}.`, {
    issues: words.map((message) => ({ path: 'apt-get', message })),
    hint: "Check the machine's package sources (apt-get update) and its disk space, then run the command again.",
  });
}

/** A service of a package that was not there before is switched off for the next boot too. */
async function disableServices(packages: readonly string[]): Promise<void> {
  if (packages.length === 0) return;
  const { stdout } = await execute('dpkg-query', ['-L', ...packages], { mayFail: true });
  const files = stdout.split('\n');
  const units = matches(files, /^(?:\/usr)?\/lib\/systemd\/system\/([^/@]+\.(?:service|socket|timer))$/);
  const scripts = matches(files, /^\/etc\/init\.d\/([^/]+)$/);
  for (const unit of units) await execute('deb-systemd-helper', ['disable', unit], { mayFail: true });
  for (const script of scripts) await execute('update-rc.d', [script, 'disable'], { mayFail: true });
}

function matches(files: readonly string[], pattern: RegExp): readonly string[] {
  return files.flatMap((file) => pattern.exec(file)?.[1] ?? []);
}
