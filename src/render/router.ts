/**
 * The SQL router of a web host: one database address on a unix socket, for the applications of this host. Its
 * configuration file holds the accounts it answers for, and the identity by which it reads etcd; nobody else may read it.
 */
import { type RouterSettings, routerSettings } from '#src/spec/router-settings.ts';
import { hostsWithRole, type Spec } from '#src/spec/spec.ts';
import { codeDirectory, hostPaths, nodeProgram } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import { type AccountSecrets, type KeyPair, madeOf, type RenderContext } from './context.ts';
import { configPath, lines, secretFile } from './files.ts';
import { applicationAccount } from './mariadb-accounts.ts';
import type { RenderedFile, RestartPolicy, Service } from './service.ts';

const component = 'router';
const runDirectory = `${hostPaths.run}/router`;
/** Applications and router share it: the socket is theirs alone. */
const user = 'www-data';

export const routerSocket = `${runDirectory}/router.sock`;
/** Metrics, status and \`explain\` (HTTP). */
export const routerControlSocket = `${runDirectory}/control.sock`;
/** Options for MariaDB's command-line client, to get to the database through the router: by the application's account, or another. */
export function routerClientOptions(account?: string): string {
  return configPath(component, account === undefined ? 'client.cnf' : `client-${account}.cnf`);
}

/** Without it the host's application has no database: even one that ends again and again is tried each second. */
const soon: RestartPolicy = { baseDelayMs: 100, maxDelayMs: 1_000, crashLoopCount: 4, windowMs: 5_000 };

/** Before the application and the database server, behind what keeps leases (`punctual`). */
export const routerPriority = -5;

/** Beyond the time that sessions are given: the process itself. */
const stopReserveMs = 3_000;

export function routerService(context: RenderContext): Service {
  const settings = routerSettings(context.spec);
  const configuration = configPath(component, 'router.json');
  return {
    name: 'router',
    description: 'SQL router: one database address for the applications of this host',
    kind: 'daemon',
    command: [nodeProgram, `${codeDirectory}/src/bin/router.ts`, configuration],
    user,
    environment: {
      NODE_OPTIONS: `--max-old-space-size=${heapMiB(settings)} --max-semi-space-size=8`,
      // What it compiled once it need not compile again: a router or a worker that was killed is back sooner.
      NODE_COMPILE_CACHE: `${runDirectory}/compiled`,
    },
    directories: [{ path: runDirectory, mode: 0o750, owner: user }],
    files: [
      secretFile(
        configuration,
        `${JSON.stringify(routerConfiguration(context, settings), null, 2)}\n`,
        'reload',
        user,
      ),
      ...clientOptionFiles(context),
    ],
    reload: { kind: 'signal', signal: 'SIGHUP', replacesWorkers: true },
    readiness: { kind: 'socket', path: routerSocket },
    startTimeoutMs: 30_000,
    stop: { signal: 'SIGTERM', timeoutMs: settings.drainTimeoutMs + stopReserveMs },
    restart: soon,
    // Every statement of the host waits for it, the more so while it starts again.
    nice: routerPriority,
    after: ['firewall'],
    startedBy: 'always',
    openFiles: openFiles(context.spec, settings),
    ...madeOf(context, 'code'),
    packages: ['mariadb-client'],
  };
}

function routerConfiguration(context: RenderContext, settings: RouterSettings) {
  const { spec, host, material } = context;
  const own = material.hosts[host.name] as KeyPair;
  const tls = { ca: material.ca, certificate: own.certificate, key: own.key };
  const quorum = [...hostsWithRole(spec, 'quorum')].sort(
    (left, right) => Number(right.name === host.name) - Number(left.name === host.name),
  );
  return {
    number: numberOf(spec, host.name),
    listen: { socketPath: routerSocket },
    control: { socketPath: routerControlSocket },
    ...settings,
    accounts: accountsOf(context),
    serverTls: { ca: material.ca },
    peers: {
      listen: { host: host.address, port: ports.router },
      tls,
      routers: hostsWithRole(spec, 'web')
        .filter(({ name }) => name !== host.name)
        .map(({ name, address }) => ({
          number: numberOf(spec, name),
          name,
          host: address,
          port: ports.router,
        })),
    },
    etcd: { endpoints: quorum.map(({ address }) => `https://${address}:${ports.etcdClient}`), tls },
    members: Object.fromEntries(
      hostsWithRole(spec, 'database').map(({ name, address }) => [
        name,
        { host: address, port: ports.mariadb },
      ]),
    ),
  };
}

/** The application's first: by it the router asks its own questions. */
function accountsOf({ spec, material }: RenderContext) {
  const others = Object.keys(spec.database.accounts).map((user) => {
    const { server: password, clients } = material.accounts[user] as AccountSecrets;
    const same = clients.length === 1 && clients[0] === password;
    return same ? { user, password } : { user, password, clientPasswords: clients };
  });
  return [{ user: applicationAccount(spec), password: material.passwords.application }, ...others];
}

/** Of JavaScript's own: an idle client takes up to 16 KiB of it. */
function heapMiB({ maxClientConnections }: RouterSettings): number {
  return Math.max(256, Math.ceil((maxClientConnections * 24) / 1_024));
}

/** Clients, server connections, and what a process has beside them. */
function openFiles(spec: Spec, { maxClientConnections, maxConnectionsPerMember }: RouterSettings): number {
  const members = hostsWithRole(spec, 'database').length;
  return Math.max(65_536, maxClientConnections + members * maxConnectionsPerMember + 1_000);
}

/** For root on this host alone: passwords are in them. */
function clientOptionFiles({ spec, material }: RenderContext): readonly RenderedFile[] {
  const file = (path: string, user: string, password: string) =>
    secretFile(path, clientOptions(user, password), 'none');
  return [
    file(routerClientOptions(), applicationAccount(spec), material.passwords.application),
    ...Object.keys(spec.database.accounts).map((name) =>
      file(routerClientOptions(name), name, (material.accounts[name] as AccountSecrets).clients[0]),
    ),
  ];
}

/** @see https://mariadb.com/kb/en/configuring-mariadb-with-option-files/#option-file-syntax */
function clientOptions(user: string, password: string): string {
  return lines(
    '[client]',
    `socket = ${routerSocket}`,
    `user = ${user}`,
    `password = "${password.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
    'default-character-set = utf8mb4',
  );
}

/** Unique among the stack's routers: connection ids begin with it. */
function numberOf(spec: Spec, host: string): number {
  return hostsWithRole(spec, 'web').findIndex(({ name }) => name === host) + 1;
}
