/**
 * The users example: list, add and remove users in a replicated database. Wiring only.
 *
 *     PORT           number (loopback), or the path of a unix socket
 *     TANDEM_HOST    name of this web host
 *     DATABASE_URL   mysql://user:password@localhost/schema?socket=/path, the SQL router of this host
 *     DATABASE_POOL  connections to it; 5
 *
 * Exit codes: 0 stopped by a signal, 1 cannot listen, 2 bad environment, 70 a bug.
 */
import { hostname } from 'node:os';
import { type Config, ConfigError, readConfig } from './config.ts';
import { Database } from './database.ts';
import { createHealth } from './health.ts';
import { ListenError, type Listener, listen } from './listen.ts';
import { createRoutes } from './routes.ts';

/** Milliseconds that running requests get after SIGTERM. */
const drainMs = 5_000;

function log(line: string): void {
  process.stderr.write(`users: ${line}\n`);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

// A rejection that nobody handles arrives here too. The state is unknown: end, and be started again.
process.on('uncaughtException', (error) => {
  log(`bug: ${describe(error)}`);
  process.exit(70);
});

function start(): { config: Config; database: Database } {
  try {
    const config = readConfig(process.env, hostname());
    return { config, database: new Database(config, log) };
  } catch (error) {
    if (error instanceof ConfigError) for (const issue of error.issues) log(issue);
    else throw error;
    process.exit(2);
  }
}

const { config, database } = start();
const routes = createRoutes({
  database,
  health: createHealth((limitMs) => database.check(limitMs)),
  logBug: (error) => log(`bug: ${describe(error)}`),
});

let listener: Listener;
try {
  listener = await listen(routes, config.listen, config.host);
} catch (error) {
  if (!(error instanceof ListenError)) throw error;
  log(error.message);
  process.exit(1);
}
const address = config.listen.kind === 'socket' ? config.listen.path : `127.0.0.1:${config.listen.port}`;
log(`${config.host} serves on ${address}, database ${config.database.label}`);

let stopping = false;
async function stop(signal: string): Promise<void> {
  if (stopping) return;
  stopping = true;
  const finished = await listener.stop(drainMs);
  await database.close();
  log(`stopped by ${signal}${finished ? '' : `; requests still running after ${drainMs} ms were cut`}`);
  process.exit(0);
}
process.on('SIGTERM', () => void stop('SIGTERM'));
process.on('SIGINT', () => void stop('SIGINT'));
