/** `dashboard.ts [FILE]`: the dashboard of this host, with its configuration file. */
import { readFile } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { createLog } from '#src/adapters/log.ts';
import { exitOnBug } from '#src/adapters/process/exit-on-bug.ts';
import { Assets } from '#src/dashboard/server/assets.ts';
import { Dashboard } from '#src/dashboard/server/dashboard.ts';
import { listen } from '#src/dashboard/server/listen.ts';
import { PrometheusSource } from '#src/dashboard/server/prometheus.ts';
import type { DashboardConfig } from '#src/topology/dashboard-config.ts';

const log = createLog((line) => process.stdout.write(line), 'dashboard');

process.on('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => process.exit(0));
exitOnBug(log);

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
