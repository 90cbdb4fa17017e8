/**
 * The supervisor of one lab host, started inside its namespaces under the lock (`supervisorCommand`). With `--warm` it only
 * loads its modules, which fills the compile cache.
 */
import { mkdirSync } from 'node:fs';
import { serve } from '#src/provision/lab/supervisor/api.ts';
import { defaultRotation, rotateLogs } from '#src/provision/lab/supervisor/logs.ts';
import { Supervisor } from '#src/provision/lab/supervisor/supervisor.ts';
import { hostPaths, supervisorSocket } from '#src/topology/paths.ts';

const rotationCheckMs = 5_000;

function main(): void {
  const log = (text: string) => process.stdout.write(`${new Date().toISOString()} ${text}\n`);
  for (const path of [hostPaths.run, hostPaths.logs]) mkdirSync(path, { recursive: true });
  const supervisor = new Supervisor(log);
  log(`supervisor ${process.pid} begins`);
  supervisor.boot();
  const rotation = setInterval(() => rotateLogs(hostPaths.logs, defaultRotation), rotationCheckMs);
  const server = serve(supervisor, supervisorSocket, () => {
    clearInterval(rotation);
    server.close();
    log(`supervisor ${process.pid} ends`);
    // The answer is on its way; idle connections of other clients must not hold the process.
    setTimeout(() => process.exit(0), 20);
  });
}

if (!process.argv.includes('--warm')) main();
