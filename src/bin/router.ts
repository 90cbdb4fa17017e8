/** `router.ts FILE`: the SQL router of this host, with its configuration file. */
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processLog } from '#src/router/process-log.ts';
import { RouterService } from '#src/router/service.ts';

const clientsFirstMs = 250;

const log = processLog();
const file = process.argv[2] ?? '/etc/tandem/router/router.json';
try {
  const router = await RouterService.start(file, join(import.meta.dirname, 'router-worker.ts'), log);
  log.info(`listening${router.port === undefined ? '' : ` on port ${router.port}`}`);
  const stop = (): void => void router.stop().then(() => process.exit(0));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => void router.reload());
  // Clients that were waiting come first: to load what follows takes as long as to serve them.
  await sleep(clientsFirstMs);
  await router.openControl();
  // For the next one, should this one be killed.
  flushCompileCache();
} catch (error) {
  log.error(`can't start: ${(error as Error).message} (${file})`);
  process.exit(1);
}
