/** The live dashboard: a web page and an HTTP API for operators, on every balancer, reached by the floating address. */
import { hostsWithRole } from '#src/spec/spec.ts';
import type { DashboardAccounts, DashboardConfig } from '#src/topology/dashboard-config.ts';
import { prometheusEndpoints } from '#src/topology/monitoring.ts';
import { codeDirectory, hostPaths, nodeProgram } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import { siteUrl } from '#src/topology/site.ts';
import type { RenderContext } from './context.ts';
import { configPath, publicFile, secretFile, tlsFiles } from './files.ts';
import { defaultRestart, type RenderedFile, type Service } from './service.ts';

const component = 'dashboard';
/** A user that every Debian has and that nothing else of the stack runs as. */
const user = 'proxy';
const configuration = configPath(component, 'dashboard.json');
const accountsFile = configPath(component, 'accounts.json');
const runDirectory = `${hostPaths.run}/dashboard`;

/** Where `scripts/build-dashboard.ts` leaves the page, below Tandem's own code. */
export const dashboardAssets = 'dist/dashboard';

export function dashboardService(context: RenderContext): Service {
  const { material, host } = context;
  const { identity } = material.dashboard;
  const tls = tlsFiles(component, { ca: material.ca, ...identity }, 'restart', user);
  const content = `${JSON.stringify(dashboardConfig(context, tls), null, 2)}\n`;
  return {
    name: 'dashboard',
    description: 'Dashboard: the stack seen and operated in a browser',
    kind: 'daemon',
    command: [nodeProgram, `${codeDirectory}/src/bin/dashboard.ts`, configuration],
    user,
    environment: {
      NODE_OPTIONS: '--max-old-space-size=128 --max-semi-space-size=2 --v8-pool-size=1',
      NODE_COMPILE_CACHE: `${runDirectory}/compiled`,
    },
    directories: [{ path: runDirectory, mode: 0o750, owner: user }],
    files: [publicFile(configuration, content, 'restart'), ...tls.files, dashboardAccountsFile(context)],
    readiness: { kind: 'tcp', address: host.address, port: ports.dashboard },
    startTimeoutMs: 20_000,
    stop: { signal: 'SIGTERM', timeoutMs: 2_000 },
    restart: defaultRestart,
    after: ['firewall'],
    startedBy: 'always',
    openFiles: 8_192,
    packages: [],
  };
}

/** Read again by the running dashboard when it changes: it asks for no restart and no reload. */
export function dashboardAccountsFile({
  spec,
  material,
}: {
  readonly spec: RenderContext['spec'];
  readonly material: Pick<RenderContext['material'], 'dashboard'>;
}): RenderedFile {
  const { sessionKey, passwords, tokens } = material.dashboard;
  const accounts: DashboardAccounts = {
    sessionKey,
    operators: spec.dashboard.operators.map(({ name, role }) => ({
      name,
      role,
      passwordHash: Object.hasOwn(passwords, name) ? (passwords[name] ?? null) : null,
    })),
    tokens,
  };
  return secretFile(accountsFile, `${JSON.stringify(accounts, null, 2)}\n`, 'none', user);
}

/** Where operators go. */
export function dashboardUrl(spec: RenderContext['spec']): string {
  return `https://${spec.site.addresses[0]}:${ports.dashboard}/`;
}

function dashboardConfig(
  { spec, host, material }: RenderContext,
  tls: { readonly ca: string; readonly certificate: string; readonly key: string },
): DashboardConfig {
  const quorum = [...hostsWithRole(spec, 'quorum')].sort(
    (left, right) => Number(right.name === host.name) - Number(left.name === host.name),
  );
  return {
    stack: spec.stack,
    stackId: material.stackId,
    host: host.name,
    listen: { address: '0.0.0.0', port: ports.dashboard },
    url: dashboardUrl(spec),
    lab: spec.hosts.every(({ ssh }) => ssh === undefined),
    floatingAddresses: spec.site.addresses,
    siteUrl: siteUrl(spec),
    hosts: spec.hosts.map(({ name, address, roles }) => ({ name, address, roles })),
    sync: spec.database.sync,
    agentPort: ports.agent,
    etcdEndpoints: quorum.map(({ address }) => `https://${address}:${ports.etcdClient}`),
    prometheus: prometheusEndpoints(spec).map(({ url }) => url),
    tls: { ca: tls.ca, certificate: tls.certificate, key: tls.key },
    accountsFile,
    assetsDirectory: `${codeDirectory}/${dashboardAssets}`,
    idleMs: spec.dashboard.idleMs,
    sessionMs: spec.dashboard.sessionMs,
  };
}
