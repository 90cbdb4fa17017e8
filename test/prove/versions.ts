/** Versions of the programs that a result was measured with. */
import { cpus, release, totalmem } from 'node:os';
import { command } from '#test/support/command.ts';

const programs: Readonly<Record<string, readonly [string, ...string[]]>> = {
  haproxy: ['haproxy', '-v'],
  nginx: ['nginx', '-v'],
  mariadb: ['mariadbd', '--version'],
  keepalived: ['keepalived', '--version'],
  etcd: ['etcd', '--version'],
};

/** The first version number that a program prints; null where it is not installed. */
async function versionOf(words: readonly [string, ...string[]]): Promise<string | null> {
  const [program, ...rest] = words;
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const { stdout, stderr } = await command(program, rest, { env: { ...process.env, PATH: path } });
  return /\d+\.\d+(\.\d+)?(-MariaDB)?/.exec(stdout + stderr)?.[0] ?? null;
}

export async function versions(
  extra: Readonly<Record<string, readonly [string, ...string[]]>> = {},
): Promise<Record<string, string | null>> {
  const entries = Object.entries({ ...programs, ...extra });
  const found = await Promise.all(
    entries.map(async ([name, words]) => [name, await versionOf(words)] as const),
  );
  return { ...Object.fromEntries(found), node: process.versions.node, kernel: release() };
}

export function machine(): Record<string, unknown> {
  const [first] = cpus();
  return {
    cores: cpus().length,
    processor: first?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
}
