/** `router.ts FILE`: the SQL router of this host, with its configuration file. */
import { readFile } from 'node:fs/promises';
import type { EtcdOptions } from '#src/adapters/etcd/client.ts';
import { type RouterConfig, routerDefaults } from '#src/router/config.ts';
import type { ControlEndpoint } from '#src/router/control.ts';
import { Router } from '#src/router/router.ts';
import { EtcdTopology, type MemberAddresses } from '#src/router/topology-etcd.ts';
import { FileTopology } from '#src/router/topology-file.ts';

/** Where it learns of the members: from etcd, or by hand from a file. */
type TopologySource =
  | { readonly topologyFile: string }
  | { readonly etcd: EtcdOptions; readonly members: MemberAddresses };

const write = (level: string) => (text: string) =>
  process.stdout.write(`${new Date().toISOString()} ${level} ${text}\n`);
const log = { info: write('info'), warn: write('warning'), error: write('error') };

// A bug: out with it, and the supervisor starts a fresh router.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (reason: unknown) => {
    log.error(`bug: ${reason instanceof Error ? reason.stack : String(reason)}`);
    process.exit(70);
  });
}

const file = process.argv[2] ?? '/etc/tandem/router/router.json';
try {
  const settings = JSON.parse(await readFile(file, 'utf8')) as Partial<RouterConfig> &
    Pick<RouterConfig, 'number' | 'listen' | 'accounts' | 'serverTls'> &
    TopologySource;
  const topology =
    'topologyFile' in settings
      ? new FileTopology(settings.topologyFile, log)
      : new EtcdTopology(settings.etcd, settings.members, log);
  const config: RouterConfig = { ...routerDefaults, ...settings };
  const router = new Router({ config, topology, log });
  const { port } = await router.listen();
  log.info(`listening${port === undefined ? '' : ` on port ${port}`}`);
  let control: ControlEndpoint | undefined;
  const end = (): never => {
    router.close();
    control?.close();
    topology.close();
    process.exit(0);
  };
  // The first signal lets sessions end what they are at; a second one doesn't.
  const stop = async (): Promise<void> => {
    if (router.draining) end();
    const { ended, cut } = await router.drain(config.drainTimeoutMs);
    log.info(
      `drained: ${ended} sessions ended${cut === 0 ? '' : `, ${cut} cut after ${config.drainTimeoutMs} ms`}`,
    );
    end();
  };
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
  control = await openControl(router);
} catch (error) {
  log.error(`can't start: ${(error as Error).message} (${file})`);
  process.exit(1);
}

/** Loaded when clients can come already: they don't wait for it. */
async function openControl(router: Router): Promise<ControlEndpoint | undefined> {
  const { control } = router.config;
  if (control === undefined) return undefined;
  const { ControlEndpoint } = await import('#src/router/control.ts');
  return ControlEndpoint.open(router, control.socketPath);
}
