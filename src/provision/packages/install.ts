/**
 * Debian packages of the data plane. Their own system services are neither started nor left enabled, because Tandem runs
 * the programs itself; services of packages that were on the machine before are not touched.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { execute } from './execute.ts';
import { brokenPackages, lastWords, parseInstalled, serviceFiles } from './parse.ts';

export interface PackagePaths {
  /** policy-rc.d, as invoke-rc.d(8) reads it. */
  readonly policy: string;
  /** List of what was installed before a run that has not switched off the new services yet. */
  readonly before: string;
  /** Two runs at once wait for each other. */
  readonly lock: string;
}

const machinePaths: PackagePaths = {
  policy: '/usr/sbin/policy-rc.d',
  before: '/var/cache/tandem-packages-before',
  lock: '/run/lock/tandem-packages.lock',
};

const script = join(import.meta.dirname, 'install.sh');

/** Rejects with apt's own last words when a package can not be installed. Quick when all are there. */
export async function installPackages(
  names: readonly string[],
  reporter: Reporter,
  paths: PackagePaths = machinePaths,
): Promise<void> {
  const [missing, interrupted] = await Promise.all([missingPackages(names), readBefore(paths)]);
  if (missing.length > 0) {
    await reporter.step('', `install Debian packages: ${missing.join(', ')}`, () => install(missing, paths));
  } else if (interrupted !== undefined) {
    await reporter.step('', 'switch off services of installed packages', () => switchOff(paths));
  }
}

export async function missingPackages(names: readonly string[]): Promise<readonly string[]> {
  const installed = await installedPackages();
  return [...new Set(names)].filter((name) => !installed.has(name)).sort();
}

async function installedPackages(): Promise<ReadonlySet<string>> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format, not ours.
  const format = '${db:Status-Abbrev} ${Package}\n';
  try {
    return parseInstalled((await execute('dpkg-query', ['-W', '-f', format])).stdout);
  } catch (cause) {
    const message = 'This machine has no dpkg: Tandem needs Debian 12 or a relative of it.';
    throw new TandemError('not-debian', message, { hint: 'Run Tandem on Debian 12.', cause });
  }
}

async function install(names: readonly string[], paths: PackagePaths): Promise<void> {
  const log = `${paths.before}.log`;
  const work = ['sh', script, paths.policy, paths.before, log, ...names];
  // In a session of its own: a Ctrl-C ends this command, not the install, which must come to its end.
  const argv = ['--wait', 'flock', '--exclusive', '--close', paths.lock, ...work];
  const { code, stderr } = await execute('setsid', argv, { mayFail: true });
  const output = (await readFile(log, 'utf8').catch(() => '')) + stderr;
  await rm(log, { force: true });
  await switchOff(paths);
  if (code !== 0) throw installError(names, output);
}

function installError(names: readonly string[], output: string): TandemError {
  const words = output.trim().split('\n').filter(Boolean);
  const broken = brokenPackages(words, names);
  return new TandemError('package-install-failed', `apt-get could not install ${broken.join(', ')}.`, {
    issues: lastWords(words).map((message) => ({ path: 'apt-get', message })),
    hint: "Check the machine's package sources (apt-get update) and its disk space, then run the command again.",
  });
}

async function readBefore({ before }: PackagePaths): Promise<ReadonlySet<string> | undefined> {
  const text = await readFile(before, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : parseInstalled(text);
}

/** A service of a package that was not there before is switched off for the next boot too. */
async function switchOff(paths: PackagePaths): Promise<void> {
  const before = await readBefore(paths);
  if (before === undefined) return;
  const added = [...(await installedPackages())].filter((name) => !before.has(name));
  if (added.length > 0) {
    const { stdout } = await execute('dpkg-query', ['-L', ...added], { mayFail: true });
    const { units, scripts } = serviceFiles(stdout.split('\n'));
    for (const unit of units) await execute('deb-systemd-helper', ['disable', unit], { mayFail: true });
    for (const name of scripts) await execute('update-rc.d', [name, 'disable'], { mayFail: true });
  }
  await rm(paths.before, { force: true });
}
