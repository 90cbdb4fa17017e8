/**
 * `agent.ts [FILE]`: the agent of this host, with its configuration file. Its end touches nothing that runs.
 * `agent.ts --warm`: fills Node's compile cache with all that an agent may import, and ends.
 */
import { readFile } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { beginWarm } from '#src/adapters/process/warm.ts';
import { SupervisorClient } from '#src/adapters/supervisor-client.ts';
import { SystemdRunner } from '#src/adapters/systemd/runner.ts';
import { loadConcerns, startAgent } from '#src/agent/agent.ts';
import { createLog } from '#src/agent/log.ts';
import { type AgentFile, type AgentPeer, agentConfigOf } from '#src/topology/agent-config.ts';

const log = createLog((line) => process.stdout.write(line));

process.on('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => process.exit(0));
// A bug: out with it, and the supervisor starts a fresh agent.
process.on('uncaughtException', (error) => {
  log.error(`bug: ${error.stack ?? error.message}`);
  process.exit(70);
});
process.on('unhandledRejection', (reason) => {
  log.error(`bug: ${reason instanceof Error ? reason.stack : String(reason)}`);
  process.exit(70);
});

if (process.argv[2] === '--warm') {
  await loadConcerns({ balancer: true, database: true, monitoring: true });
  flushCompileCache();
  process.exit(0);
}
const file = process.argv[2] ?? '/etc/tandem/agent/agent.json';
try {
  const own = JSON.parse(await readFile(file, 'utf8')) as AgentFile;
  const config = agentConfigOf(own, JSON.parse(await readFile(own.peersFile, 'utf8')) as AgentPeer[]);
  await beginWarm(() => loadConcerns(config));
  const runner = config.runner === 'systemd' ? new SystemdRunner() : new SupervisorClient();
  await startAgent(config, runner, log);
} catch (error) {
  log.error(`can't start: ${(error as Error).message}`, { file });
  process.exit(1);
}
