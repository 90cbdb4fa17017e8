/** The application's processes on a web host: any command; nginx reaches each through a unix socket of its own. */
import { appDirectory, hostPaths, nodeProgram } from '#src/topology/paths.ts';
import { madeOf, type RenderContext } from './context.ts';
import { configPath, secretFile } from './files.ts';
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
      // Small heaps: several processes share a host. A young generation that may grow is most of an idle process, and one
      // helper is enough for it.
      NODE_OPTIONS: '--max-old-space-size=64 --max-semi-space-size=4 --v8-pool-size=1',
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
    files: [secretFile(environmentFile, databaseEnvironment(context), 'restart')],
    readiness: { kind: 'socket', path: appSocket(instance) },
    startTimeoutMs: 20_000,
    stop: { signal: 'SIGTERM', timeoutMs: 6_000 },
    restart: defaultRestart,
    after: ['firewall'],
    startedBy: 'always',
    ...(program === 'node' ? madeOf(context, 'runtime') : {}),
    packages: [],
  };
}

/** The router of this host is the only database address that the application knows. */
function databaseEnvironment({ spec, material }: RenderContext): string {
  const account = `${applicationAccount(spec)}:${encodeURIComponent(material.passwords.application)}`;
  return `DATABASE_URL=mysql://${account}@localhost/${spec.database.schema}?socket=${routerSocket}\n`;
}
