/** `dashboard.ts [FILE]`: the dashboard of this host, with its configuration file. */
import { readFile } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { Assets } from '#src/dashboard/server/assets.ts';
import { Dashboard } from '#src/dashboard/server/dashboard.ts';
import { listen } from '#src/dashboard/server/listen.ts';
import { createLog } from '#src/dashboard/server/log.ts';
import { PrometheusSource } from '#src/dashboard/server/prometheus.ts';
import type { DashboardConfig } from '#src/topology/dashboard-config.ts';

const log = createLog((line) => process.stdout.write(line));

process.on('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => process.exit(0));
// A bug: out with it, and the supervisor starts a fresh one.
process.on('uncaughtException', (error) => {
  log.error(`bug: ${error.stack ?? error.message}`);
  process.exit(70);
});
process.on('unhandledRejection', (reason) => {
  log.error(`bug: ${reason instanceof Error ? reason.stack : String(reason)}`);
  process.exit(70);
});

const file = process.argv[2] ?? '/etc/tandem/dashboard/dashboard.json';
try {
  const config = JSON.parse(await readFile(file, 'utf8')) as DashboardConfig;
  const [ca, certificate, key] = await Promise.all(
    [config.tls.ca, config.tls.certificate, config.tls.key].map((path) => readFile(path, 'utf8')),
  );
  const tls = { ca: ca ?? '', certificate: certificate ?? '', key: key ?? '' };
  const history = config.prometheus.length === 0 ? undefined : new PrometheusSource(config.prometheus, tls);
  const dashboard = new Dashboard(config, tls, log, history);
  await listen(dashboard, new Assets(config.assetsDirectory), config, tls, log);
  log.info('dashboard listens', { host: config.host, url: config.url });
  flushCompileCache();
} catch (error) {
  log.error(`can't start: ${(error as Error).message}`, { file });
  process.exit(1);
}
