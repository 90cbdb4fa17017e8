/**
 * A stack's secrets and certificates, made on the first `up` and kept: what exists stays, missing hosts get a
 * certificate, leaves near their end (or for other names) are renewed. Safe to kill at any point: every file is
 * replaced whole, keys before certificates, and a pair that does not match is made again.
 */
import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  ensureDirectory,
  readFileIfThere,
  removeTemporaryFiles,
  writeFileAtomic,
} from '#src/adapters/files/atomic.ts';
import { readSecret, readSmallFile } from '#src/adapters/files/small.ts';
import type { CertificateAndKey } from '#src/adapters/tls/authority.ts';
import { keyMatches, leafDefect, readCertificate } from '#src/adapters/tls/inspect.ts';
import type { KeyPair, Material } from '#src/render/context.ts';
import { hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { inputError, TandemError } from '#src/std/errors.ts';
import { monitoringName } from '#src/topology/monitoring.ts';
import { readAccountPasswords } from './account-passwords.ts';
import { loadOrCreateAccess } from './dashboard.ts';
import { type MaterialPaths, materialPaths, type PairPaths } from './paths.ts';
import { readReceiverSecrets } from './receivers.ts';
import { loadOrCreateSecrets } from './secrets.ts';
import { readUserCertificate } from './user-certificate.ts';

export interface StackMaterial extends Material {
  /** Client certificate of the command-line tool, for the agents' API. */
  readonly operator: KeyPair;
  readonly paths: MaterialPaths;
}

export interface MaterialOptions {
  /** Directory of the stack file; the user's certificate files are relative to it. */
  readonly specDirectory?: string;
  readonly nowMs?: number;
  /** New certificates and keys in place of all that the authority has signed. */
  readonly renew?: boolean;
  /** For commands that only look: a leaf that has to be issued is in the answer, and is not kept. */
  readonly look?: boolean;
}

/** Rejects with a `TandemError`: damaged secrets (operation), or a user's certificate that is not fit (input). */
export async function loadOrCreateMaterial(
  stateDirectory: string,
  spec: Spec,
  options: MaterialOptions = {},
): Promise<StackMaterial> {
  const nowMs = options.nowMs ?? Date.now();
  const paths = materialPaths(stateDirectory);
  // The user's files first: bad input changes nothing.
  const userSite =
    spec.site.certificate === 'internal'
      ? undefined
      : await readUserCertificate(
          spec.site.certificate,
          spec.site.domain,
          options.specDirectory ?? '.',
          nowMs,
        );
  const schemaSql = await readSchemaFile(spec, options.specDirectory ?? '.');
  const clientPasswords = await readAccountPasswords(spec, options.specDirectory ?? '.');
  const receivers = await readReceiverSecrets(spec, options.specDirectory ?? '.');
  await ensureDirectory(paths.directory);
  await removeTemporaryFiles(paths.directory);
  const secrets = await loadOrCreateSecrets(paths.secrets, Object.keys(spec.database.accounts));
  const authority = await loadOrCreateAuthority(
    paths,
    `${spec.stack} internal CA ${secrets.stackId.slice(0, 8)}`,
    nowMs,
  );
  const leaf = async (at: PairPaths, commonName: string, names: readonly string[]) => {
    const kept = options.renew === true ? undefined : keptLeaf(at, authority, names, nowMs);
    if (kept !== undefined) return kept;
    const pair = await issue(authority, { commonName, names }, nowMs);
    if (options.look !== true) await keep(at, pair);
    return pair;
  };
  const hosts: Record<string, KeyPair> = {};
  const monitoring: Record<string, KeyPair> = {};
  for (const host of spec.hosts) {
    const names = [host.name, host.address, 'localhost', '127.0.0.1'];
    hosts[host.name] = await leaf(paths.host(host.name), host.name, names);
    if (spec.monitoring !== false)
      monitoring[host.name] = await leaf(paths.monitoring(host.name), monitoringName, names);
  }
  return {
    stackId: secrets.stackId,
    passwords: secrets.passwords,
    accounts: Object.fromEntries(
      Object.keys(spec.database.accounts).map((name) => {
        const server = secrets.accounts[name] as string;
        return [name, { server, clients: clientPasswords[name] ?? [server] }];
      }),
    ),
    schemaSql,
    ca: authority.certificate,
    hosts,
    monitoring,
    receivers,
    operator: await leaf(paths.operator, 'operator', ['operator']),
    dashboard: {
      identity: await leaf(paths.dashboard, 'dashboard', dashboardNames(spec)),
      ...(await loadOrCreateAccess(paths.dashboardAccess)),
    },
    site: userSite ?? (await leaf(paths.site, spec.site.domain, [spec.site.domain, ...spec.site.addresses])),
    paths,
  };
}

/** Browsers come by a floating address; a balancer's own is for when no address is held. */
function dashboardNames(spec: Spec): readonly string[] {
  const balancers = hostsWithRole(spec, 'balancer');
  return [
    `dashboard.${spec.stack}.internal`,
    ...spec.site.addresses,
    ...balancers.flatMap(({ name, address }) => [name, address]),
    'localhost',
    '127.0.0.1',
  ];
}

/** SQL of a new database; rejects with an input error when it can't be read. */
export async function readSchemaFile(spec: Spec, directory: string): Promise<string | undefined> {
  const file = spec.database.schemaFile;
  if (file === undefined) return undefined;
  const path = resolve(directory, file);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw inputError('schema-unreadable', "The database's schema file can't be read.", [
      {
        path: 'database.schemaFile',
        message: `can't read ${path} (${reason})`,
        hint: 'Give a path relative to the stack file.',
      },
    ]);
  }
}

/** Parsed once: every leaf is checked against it. */
interface Authority extends CertificateAndKey {
  readonly issuer: X509Certificate;
}

async function loadOrCreateAuthority(
  paths: MaterialPaths,
  commonName: string,
  nowMs: number,
): Promise<Authority> {
  const certificate = await readFileIfThere(paths.ca);
  const key = await readFileIfThere(paths.caKey);
  if (certificate !== undefined) {
    const issuer = readCertificate(certificate);
    if (issuer === undefined || key === undefined || !keyMatches(issuer, key)) {
      throw new TandemError('material-unreadable', `${paths.ca} and ${paths.caKey} do not belong together.`, {
        hint: 'Restore both from a backup: every host trusts this authority. Without one: tandem down --purge, then up.',
      });
    }
    return { certificate, key, issuer };
  }
  // A key without a certificate is what an interrupted first run leaves: nothing was signed with it yet.
  const { createAuthority } = await import('#src/adapters/tls/authority.ts');
  const authority = await createAuthority(commonName, nowMs);
  await writeFileAtomic(paths.caKey, authority.key);
  await writeFileAtomic(paths.ca, authority.certificate);
  return { ...authority, issuer: readCertificate(authority.certificate) as X509Certificate };
}

/** Undefined when there is none, or none that will do. */
function keptLeaf(
  paths: PairPaths,
  authority: Authority,
  names: readonly string[],
  nowMs: number,
): KeyPair | undefined {
  const certificate = readSmallFile(paths.certificate);
  const key = readSecret(paths.key);
  if (certificate === undefined || key === undefined) return undefined;
  const pair = { certificate, key };
  return leafDefect(pair, authority.issuer, names, nowMs) === undefined ? pair : undefined;
}

async function issue(
  authority: CertificateAndKey,
  request: { readonly commonName: string; readonly names: readonly string[] },
  nowMs: number,
): Promise<KeyPair> {
  // Loaded only to issue: its library is a third of what a short command takes to start.
  const { issueLeaf } = await import('#src/adapters/tls/authority.ts');
  return issueLeaf(authority, request, nowMs);
}

async function keep(paths: PairPaths, { key, certificate }: KeyPair): Promise<void> {
  await writeFileAtomic(paths.key, key);
  await writeFileAtomic(paths.certificate, certificate);
}
