/** The dashboard as a real process on loopback, with certificates and accounts of the test's own, and no stack behind it. */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority, issueLeaf } from '#src/adapters/tls/authority.ts';
import { hashPassword } from '#src/dashboard/server/passwords.ts';
import type { DashboardAccounts, DashboardConfig } from '#src/topology/dashboard-config.ts';
import { freePort } from '#test/support/free-ports.ts';
import { repository } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { askDashboard, type Target } from './client.ts';

/** What stands in every answer that says anything of the stack: nobody may read it who isn't let in. */
export const stackName = 'secret-stack';
export const passwords = { admin: 'correct horse battery', victor: 'a viewer looks on' } as const;

export interface TestDashboard {
  readonly target: Target;
  readonly tokens: { readonly read: string; readonly act: string; readonly expired: string };
  /** Client certificates: the operator's, a host's. */
  readonly certificates: Readonly<Record<'operator' | 'host', { certificate: string; key: string }>>;
  /** Another process on the same address, with the same accounts: it has seen nothing. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startDashboard(change: Partial<DashboardConfig> = {}): Promise<TestDashboard> {
  const directory = await mkdtemp(join(tmpdir(), 'tandem-dashboard-'));
  const nowMs = Date.now();
  const authority = await createAuthority('tandem dashboard test', nowMs);
  const leaf = (commonName: string) =>
    issueLeaf(authority, { commonName, names: ['127.0.0.1', 'localhost'] }, nowMs);
  const [own, operator, host] = await Promise.all([leaf('dashboard'), leaf('operator'), leaf('lb-1')]);
  const port = await freePort();
  const tokens = { read: newToken(), act: newToken(), expired: newToken() };
  const file = (name: string) => join(directory, name);
  const config: DashboardConfig = {
    stack: stackName,
    stackId: '00',
    host: 'lb-1',
    listen: { address: '127.0.0.1', port },
    url: `https://127.0.0.1:${port}/`,
    lab: true,
    floatingAddresses: ['127.0.0.1'],
    siteUrl: 'https://127.0.0.1/',
    hosts: [{ name: 'lb-1', address: '127.0.0.1', roles: ['balancer', 'web', 'database', 'quorum'] }],
    sync: 'required',
    // Nobody listens there: what needs the stack fails, and what must be refused is refused before that.
    agentPort: 1,
    etcdEndpoints: ['https://127.0.0.1:1'],
    prometheus: [],
    tls: { ca: file('ca.pem'), certificate: file('own.pem'), key: file('own.key') },
    accountsFile: file('accounts.json'),
    assetsDirectory: join(repository, 'dist/dashboard'),
    idleMs: 600_000,
    sessionMs: 3_600_000,
    ...change,
  };
  await writeFile(file('ca.pem'), authority.certificate);
  await writeFile(file('own.pem'), own.certificate);
  await writeFile(file('own.key'), own.key, { mode: 0o600 });
  await writeFile(file('accounts.json'), JSON.stringify(await accounts(tokens)), { mode: 0o600 });
  await writeFile(file('dashboard.json'), JSON.stringify(config));
  const program = join(repository, 'src/bin/dashboard.ts');
  const start = () =>
    spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, file('dashboard.json')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  let child = start();
  const target = { origin: `https://127.0.0.1:${port}`, ca: authority.certificate };
  const close = async () => {
    child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  };
  const ready = () =>
    waitFor('the dashboard', async () => (await askDashboard(target, '/login')).status === 200, 60_000);
  const restart = async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    child = start();
    await ready();
  };
  try {
    await ready();
  } catch (error) {
    await close();
    throw error;
  }
  return { target, tokens, certificates: { operator, host }, restart, close };
}

function newToken(): string {
  return `tandem_${randomBytes(32).toString('base64url')}`;
}

async function accounts(tokens: TestDashboard['tokens']): Promise<DashboardAccounts> {
  const entry = (name: string, scope: 'read' | 'act', text: string, untilMs: number) => ({
    id: name,
    hash: createHash('sha256').update(text).digest('hex'),
    name,
    scope,
    untilMs,
  });
  const later = Date.now() + 3_600_000;
  return {
    sessionKey: randomBytes(32).toString('hex'),
    operators: [
      { name: 'admin', role: 'admin', passwordHash: await hashPassword(passwords.admin) },
      { name: 'victor', role: 'viewer', passwordHash: await hashPassword(passwords.victor) },
      { name: 'locked', role: 'admin', passwordHash: null },
    ],
    tokens: [
      entry('reader', 'read', tokens.read, later),
      entry('actor', 'act', tokens.act, later),
      entry('old', 'act', tokens.expired, Date.now() - 1),
    ],
  };
}
