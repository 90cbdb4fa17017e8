/** Newer versions of packages, made from those that there are, as a repository of their own. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expectCommand } from '../command.ts';

/** Resolves to the suffix of the new versions. Other packages stay as they are. */
export async function publishNewer(
  repository: string,
  directory: string,
  names: readonly string[],
): Promise<string> {
  await mkdir(directory, { recursive: true });
  const suffix = `+test${Date.now()}`;
  const files = await readdir(repository);
  for (const name of names) {
    const file = files.find((each) => each.startsWith(`${name}_`) && each.endsWith('.deb'));
    if (file === undefined) throw new Error(`the mirror has no package ${name}`);
    await repack(join(repository, file), join(directory, file.replace(/\.deb$/, `${suffix}.deb`)), suffix);
  }
  const newer = await expectCommand('dpkg-scanpackages', ['--multiversion', '.'], { cwd: directory });
  const text = `${await readFile(join(repository, 'Packages'), 'utf8')}\n${newer}`;
  await writeFile(join(directory, 'Packages'), text);
  await writeFile(join(directory, 'Packages.gz'), gzipSync(text));
  return suffix;
}

async function repack(from: string, to: string, suffix: string): Promise<void> {
  const work = `${to}.work`;
  await expectCommand('dpkg-deb', ['--raw-extract', from, work]);
  const control = join(work, 'DEBIAN/control');
  const text = await readFile(control, 'utf8');
  const version = /^Version: (.*)$/m.exec(text)?.[1] ?? '';
  // Packages of one source depend on each other by their version, and so are upgraded together.
  const changed = text
    .replace(/^Version: .*$/m, `Version: ${version}${suffix}`)
    .replaceAll(`= ${version})`, `= ${version}${suffix})`);
  await writeFile(control, changed);
  await expectCommand('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z1', '--build', work, to]);
  await rm(work, { recursive: true, force: true });
}
