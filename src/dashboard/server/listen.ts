/** A dashboard on its port: TLS of its own, and limits that slow or many clients meet. */
import type { Server } from 'node:https';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import { serve } from '@hono/node-server';
import type { TlsFiles } from '#src/adapters/etcd/transport.ts';
import type { Log } from '#src/adapters/log.ts';
import type { DashboardConfig } from '#src/topology/dashboard-config.ts';
import { createApp } from './app.ts';
import type { Assets } from './assets.ts';
import type { Dashboard } from './dashboard.ts';

const maxConnections = 500;
const maxConnectionsPerAddress = 100;

export function listen(
  dashboard: Dashboard,
  assets: Assets,
  config: DashboardConfig,
  tls: TlsFiles,
  log: Log,
): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = serve(
      {
        fetch: createApp(dashboard, assets, log).fetch,
        hostname: config.listen.address,
        port: config.listen.port,
        createServer,
        serverOptions: {
          ca: tls.ca,
          cert: tls.certificate,
          key: tls.key,
          // The operator's certificate lets in without a password; nobody needs one.
          requestCert: true,
          rejectUnauthorized: false,
          minVersion: 'TLSv1.2',
          handshakeTimeout: 5_000,
          headersTimeout: 5_000,
          requestTimeout: 10_000,
          keepAliveTimeout: 30_000,
          connectionsCheckingInterval: 1_000,
          maxHeaderSize: 16_384,
        },
      },
      () => resolve(server),
    ) as Server;
    server.maxConnections = maxConnections;
    limitPerAddress(server);
    server.on('error', reject);
    server.on('clientError', (_error, socket) => socket.destroy());
  });
}

/** One client must not take all of the connections there are. */
function limitPerAddress(server: Server): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const count = (open.get(address) ?? 0) + 1;
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
    if (count > maxConnectionsPerAddress) socket.destroy();
  });
}
