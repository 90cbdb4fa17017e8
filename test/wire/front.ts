/** A router in front of a fake server. */
import { join } from 'node:path';
import { type RouterConfig, routerDefaults } from '#src/router/config.ts';
import { Router, type RouterOptions } from '#src/router/router.ts';
import type { RouterLog } from '#src/router/session/host.ts';
import { StaticTopology, type TopologyView } from '#src/router/topology/topology.ts';
import { answerOf } from '#src/router/workers/local-worker.ts';
import { PastMetrics } from '#src/router/workers/past-metrics.ts';
import { WholeRouter, type WorkerTold } from '#src/router/workers/whole-router.ts';
import { removeDirectories, temporaryDirectory } from '../real/mariadb/server.ts';
import { account } from '../real/router/stack.ts';
import { FakeServer } from './fake-server.ts';

export interface Front {
  readonly server: FakeServer;
  readonly router: Router;
  readonly topology: StaticTopology;
  /** The router's unix socket. */
  readonly path: string;
  close(): void;
}

export function viewOf(port: number, epoch = 1): TopologyView {
  const primary = {
    name: `db-${epoch}`,
    role: 'primary',
    address: { host: '127.0.0.1', port },
    historyEpoch: epoch,
    lagSeconds: 0,
    appliedPosition: undefined,
    ok: true,
  } as const;
  return { primary, epoch, members: [primary] };
}

/** What a router of one worker says of itself. */
export function controlOf(router: Router): WholeRouter {
  const worker: WorkerTold = {
    slot: 0,
    clients: 0,
    draining: router.draining,
    ask: (what, question) => answerOf(router, what, question),
  };
  return new WholeRouter({ answering: [worker], past: new PastMetrics(), size: 1 });
}

const silent: RouterLog = { info: () => undefined, warn: () => undefined };

export async function startFront(
  config: Partial<RouterConfig> = {},
  log = silent,
  newRoutes?: RouterOptions['newRoutes'],
): Promise<Front> {
  const server = await FakeServer.start();
  const path = join(temporaryDirectory('wire'), 'socket');
  const topology = new StaticTopology(viewOf(server.port));
  const router = new Router({
    config: {
      ...routerDefaults,
      number: 1,
      listen: { socketPath: path },
      accounts: [account],
      serverTls: undefined,
      bufferTimeoutMs: 500,
      ...config,
    },
    topology,
    log,
    ...(newRoutes === undefined ? {} : { newRoutes }),
  });
  await router.listen();
  const close = (): void => {
    router.close();
    server.close();
    removeDirectories();
  };
  return { server, router, topology, path, close };
}
