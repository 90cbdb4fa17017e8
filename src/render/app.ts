/** The application's processes on a web host: any command; nginx reaches each through a unix socket of its own. */
import { hostsWithRole } from '#src/spec/spec.ts';
import { appDirectory, hostPaths, nodeProgram } from '#src/topology/paths.ts';
import { ports } from '#src/topology/ports.ts';
import type { RenderContext } from './context.ts';
import { configPath, publicFile, secretFile } from './files.ts';
import { applicationAccount } from './mariadb-accounts.ts';
import { routerSocket } from './router.ts';
import { defaultRestart, type Service } from './service.ts';

const component = 'app';
const runDirectory = `${hostPaths.run}/app`;
const cacheDirectory = `${hostPaths.data}/app-cache`;

export function appSocket(instance: number): string {
  return `${runDirectory}/app-${instance}.sock`;
}

export function appServices(context: RenderContext): readonly Service[] {
  return Array.from({ length: context.spec.web.instances }, (_, index) => appService(context, index + 1));
}

function appService(context: RenderContext, instance: number): Service {
  const { spec, host } = context;
  const [program = '', ...words] = spec.web.app.command;
  // `node` is the runtime that Tandem pins; anything else is looked for on the host.
  const command =
    program === 'node'
      ? [nodeProgram, ...words]
      : program.startsWith('/')
        ? [program, ...words]
        : ['/usr/bin/env', program, ...words];
  const environmentFile = configPath(component, `app-${instance}.env`);
  return {
    name: `app-${instance}`,
    description: `Application process ${instance}`,
    kind: 'daemon',
    command,
    user: 'www-data',
    environment: {
      // Small heaps: several processes share a host. A young generation that may grow is most of an idle process.
      NODE_OPTIONS: '--max-old-space-size=64 --max-semi-space-size=4',
      NODE_COMPILE_CACHE: cacheDirectory,
      ...spec.web.app.environment,
      PORT: appSocket(instance),
      TANDEM_HOST: host.name,
    },
    environmentFile,
    workingDirectory: appDirectory,
    directories: [
      { path: runDirectory, mode: 0o750, owner: 'www-data' },
      { path: cacheDirectory, mode: 0o750, owner: 'www-data' },
    ],
    files: [
      publicFile(configPath(component, `app-${instance}-ca.pem`), context.material.ca, 'none'),
      secretFile(environmentFile, databaseEnvironment(context, instance), 'restart'),
    ],
    readiness: { kind: 'socket', path: appSocket(instance) },
    startTimeoutMs: 20_000,
    stop: { signal: 'SIGTERM', timeoutMs: 6_000 },
    restart: defaultRestart,
    after: ['firewall'],
    startedBy: 'always',
    packages: [],
  };
}

function databaseEnvironment({ spec, host, material }: RenderContext, instance: number): string {
  const account = `${applicationAccount(spec)}:${encodeURIComponent(material.passwords.application)}`;
  if (spec.database.router) {
    return `DATABASE_URL=mysql://${account}@localhost/${spec.database.schema}?socket=${routerSocket}\n`;
  }
  const members = hostsWithRole(spec, 'database').map((member) => `${member.address}:${ports.mariadb}`);
  const url = (hosts: readonly string[]) =>
    `mysql://${account}@${hosts.join(',')}/${spec.database.schema}` +
    `?ssl-ca=${configPath(component, `app-${instance}-ca.pem`)}`;
  // Any member may become the primary; at first it is the first. For reads a replica comes first, the nearest of them.
  const own = `${host.address}:${ports.mariadb}`;
  const [first = own, ...others] = members;
  const reads = [...others.toSorted((left, right) => Number(right === own) - Number(left === own)), first];
  return `DATABASE_URL=${url(members)}\nDATABASE_READ_URL=${url(reads)}\n`;
}
