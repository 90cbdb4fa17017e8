/** An agent as a process of its own, for tests that run it inside a network namespace: CONFIG PORT. */
import { readFile } from 'node:fs/promises';
import { createLog } from '#src/adapters/log.ts';
import { beginWarm } from '#src/adapters/process/warm.ts';
import { loadConcerns, startAgent } from '#src/agent/agent.ts';
import type { AgentConfig } from '#src/topology/agent-config.ts';

const [file = '', port = '18440'] = process.argv.slice(2);
const log = createLog((line) => process.stdout.write(line), 'agent');
const config = JSON.parse(await readFile(file, 'utf8')) as AgentConfig;
const runner = {
  services: async () => [],
  control: async (service: string, action: string) => {
    log.info('asked of the runner', { service, action });
  },
};
await beginWarm(() => loadConcerns(config));
await startAgent(config, runner, log, { port: Number(port), peerPort: Number(port) });
