/**
 * `tandem support-bundle`: what somebody who helps needs to see, in one archive: state, versions, rendered files, logs,
 * history. Secrets are left out, and what is put in is searched for them.
 */
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensureDirectory } from '#src/adapters/files/atomic.ts';
import { TandemError } from '#src/std/errors.ts';
import type { Reporter } from '#src/std/reporter.ts';
import { hostPaths } from '#src/topology/paths.ts';
import { readStatus, type StackAccess } from '../health.ts';
import type { HostDriver } from '../host-driver.ts';
import { askHost, askQuorum } from '../operator-api.ts';
import { execute } from '../packages/execute.ts';
import { knownSecrets, type NamedSecrets, redact, type Secret, secretsIn } from './redact.ts';

export interface BundleRequest {
  readonly access: StackAccess;
  readonly stateDirectory: string;
  /** The stack file. */
  readonly file: string;
  /** Where the archive goes. */
  readonly target: string;
  /** Secrets of files that the stack file names. */
  readonly named?: NamedSecrets;
  /** Of Tandem. */
  readonly version: string;
  readonly reporter: Reporter;
}

/** By path within the bundle. */
type Files = ReadonlyMap<string, string>;

const script = readFileSync(join(import.meta.dirname, 'collect.sh'), 'utf8');
const hostMs = 60_000;
const logBytes = 1_048_576;

/** A host or an agent that does not answer is told in the bundle; it does not keep the rest from being collected. */
export async function makeBundle(request: BundleRequest): Promise<{ readonly files: number }> {
  const { access, reporter, target } = request;
  const secrets = await knownSecrets(request.stateDirectory, request.named);
  const parts = await Promise.all([
    reporter.step('', 'state of the stack', () => stackFiles(request)),
    ...access.spec.hosts.map(({ name }) =>
      reporter.step(name, 'files and logs', () => hostFiles(access.infrastructure.driver(name))),
    ),
  ]);
  const files = cleaned(new Map(parts.flatMap((part) => [...part])), secrets);
  await writeArchive(files, target);
  return { files: files.size };
}

/** Without secrets; throws when one is left all the same, which no bundle may leave this machine with. */
export function cleaned(files: Files, secrets: readonly Secret[]): Files {
  const clean = new Map([...files].map(([path, text]) => [path, redact(text, secrets)] as const));
  const left = [...clean].flatMap(([path, text]) =>
    secretsIn(text, secrets).map((name) => ({ path, message: `holds the ${name}` })),
  );
  if (left.length === 0) return clean;
  throw new TandemError('bundle-unsafe', 'The bundle would hold secrets; it was not written.', {
    issues: left,
  });
}

async function stackFiles(request: BundleRequest): Promise<Files> {
  const { access } = request;
  const agents = access.spec.hosts.map(
    (host) => [`agents/${host.name}.json`, () => askHost(access, host, { path: '/v1/status' })] as const,
  );
  const quorum = (path: string) => async () =>
    (await askQuorum(access, { path }))?.body ?? 'no agent reaches the quorum';
  const [database] = access.spec.hosts.filter(({ roles }) => roles.includes('database'));
  const asked: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['status.json', () => readStatus(access)],
    ['application.json', quorum('/v1/application')],
    ['operation.json', quorum('/v1/operation')],
    [
      'versions.json',
      async () => ({ tandem: request.version, node: process.versions.node, platform: process.platform }),
    ],
    ['stack.json', async () => access.spec],
    ...(database === undefined
      ? []
      : [
          [
            'database-history.json',
            () => askHost(access, database, { path: '/v1/database/history' }),
          ] as const,
        ]),
    ...access.spec.hosts
      .filter(({ roles }) => roles.includes('database'))
      .map(
        (host) =>
          [
            `agents/${host.name}-database.json`,
            () => askHost(access, host, { path: '/v1/database' }),
          ] as const,
      ),
    ...access.spec.hosts
      .filter(({ roles }) => roles.includes('balancer'))
      .map(
        (host) =>
          [
            `agents/${host.name}-balancer.json`,
            () => askHost(access, host, { path: '/v1/balancer/servers' }),
          ] as const,
      ),
    ...agents,
  ];
  const texts = await Promise.all(
    asked.map(async ([path, ask]) => {
      const answer = await ask().catch((error: Error) => ({ error: error.message }));
      return [path, `${JSON.stringify(answer, null, 2)}\n`] as const;
    }),
  );
  return new Map([...texts, ['tandem.yaml', await readFile(request.file, 'utf8')]]);
}

async function hostFiles(driver: HostDriver): Promise<Files> {
  const command = ['sh', '-c', script, 'sh', hostPaths.config, hostPaths.logs, String(logBytes)];
  const failed = (why: string): Files => new Map([[`hosts/${driver.host}/error.txt`, `${why}\n`]]);
  try {
    const { code, stdout, stderr } = await driver.run(command, { timeoutMs: hostMs });
    if (code !== 0) return failed(stderr);
    const lines = stdout.split('\n').filter((line) => line.includes('\t'));
    return new Map(
      lines.map((line) => {
        const [path = '', content = ''] = line.split('\t');
        return [`hosts/${driver.host}/${path}`, Buffer.from(content, 'base64').toString('utf8')];
      }),
    );
  } catch (error) {
    return failed((error as Error).message);
  }
}

async function writeArchive(files: Files, target: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'tandem-support-'));
  const name = target.replace(/^.*\//, '').replace(/\.tar\.gz$/, '');
  try {
    for (const [path, text] of files) {
      const file = join(work, name, path);
      await ensureDirectory(dirname(file));
      await writeFile(file, text, { mode: 0o600 });
    }
    const partial = `${target}.partial`;
    await execute('tar', ['--create', '--gzip', `--file=${partial}`, `--directory=${work}`, name]);
    await chmod(partial, 0o600);
    await rename(partial, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
