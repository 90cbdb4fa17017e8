/**
 * `agent.ts [FILE]`: the agent of this host, with its configuration file. Its end touches nothing that runs.
 * `agent.ts --warm`: fills Node's compile cache with all that an agent may import, and ends.
 */
import { readFile } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { createLog } from '#src/adapters/log.ts';
import { exitOnBug } from '#src/adapters/process/exit-on-bug.ts';
import { beginWarm } from '#src/adapters/process/warm.ts';
import { SupervisorClient } from '#src/adapters/supervisor-client.ts';
import { SystemdRunner } from '#src/adapters/systemd/runner.ts';
import { loadConcerns, startAgent } from '#src/agent/agent.ts';
import { type AgentFile, type AgentPeer, agentConfigOf } from '#src/topology/agent-config.ts';

const log = createLog((line) => process.stdout.write(line), 'agent');

process.on('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => process.exit(0));
exitOnBug(log);

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
