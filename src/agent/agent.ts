/** The agent of one host: its concerns, by the host's roles. What a host has no role for is not even loaded. */
import { mkdir } from 'node:fs/promises';
import type { Log } from '#src/adapters/log.ts';
import type { AgentConfig } from '#src/topology/agent-config.ts';
import { ports } from '#src/topology/ports.ts';
import { startApi } from './api/server.ts';
import { Blocklist } from './blocklist/concern.ts';
import { type AgentContext, createContext, type ServiceRunner } from './context.ts';
import { agentMetrics } from './metrics/agent-metrics.ts';
import { agentStatus, type StatusParts } from './status.ts';
import { ClockConcern } from './upkeep/clock.ts';
import { QuorumConcern } from './upkeep/quorum.ts';

export interface AgentOptions {
  /** Where the API listens and where other agents' APIs are; the stack's port unless a test says otherwise. */
  readonly port?: number;
  readonly peerPort?: number;
}

export interface RunningAgent {
  readonly context: AgentContext;
  stop(): void;
}

export async function startAgent(
  config: AgentConfig,
  runner: ServiceRunner,
  log: Log,
  options: AgentOptions = {},
): Promise<RunningAgent> {
  await mkdir(config.dataDirectory, { recursive: true, mode: 0o700 });
  const context = await createContext(config, runner, log);
  const blocklist = new Blocklist(context);
  const database = config.database === undefined ? undefined : await startDatabase(context, options);
  const balancer = config.balancer === undefined ? undefined : await startBalancer(context);
  const traffic = config.balancer === undefined ? undefined : await startTraffic(context);
  const faults = config.lab ? await startFaults(context) : undefined;
  const quorum = new QuorumConcern(context, () => database?.writable === true);
  const clock = new ClockConcern(context, options.peerPort ?? ports.agent);
  const silence = config.monitoring === undefined ? undefined : await startSilence(context);
  const parts: StatusParts = { context, blocklist, quorum, clock, database, balancer };
  const listen = { address: config.address, port: options.port ?? ports.agent };
  const status = () => agentStatus(parts);
  const maintenanceSinceMs = () => silence?.maintenanceSinceMs;
  const metrics = agentMetrics({ context, status, database, maintenanceSinceMs });
  const api = startApi(context, { status, blocklist, database, metrics, faults, balancer }, listen);
  // A host without nftables yet (its firewall is being loaded) must not keep the agent from starting.
  await blocklist.start().catch((error: Error) => {
    context.warnings.set('blocklist', `Block-list: ${error.message}.`);
  });
  log.info('agent started', { host: config.host, roles: config.roles.join() });
  return {
    context,
    stop: () => {
      const concerns = [database, balancer, traffic, quorum, clock, blocklist, silence];
      for (const concern of concerns) concern?.stop();
      api.close();
      context.etcd.close();
    },
  };
}

/** Imports everything that an agent with such a configuration will use. */
export async function loadConcerns(config: {
  readonly database?: unknown;
  readonly balancer?: unknown;
  readonly monitoring?: unknown;
}): Promise<void> {
  if (config.database !== undefined) await import('./database/concern.ts');
  if (config.balancer !== undefined) {
    await import('./balancer/concern.ts');
    await import('./traffic/concern.ts');
  }
  if (config.monitoring !== undefined) await import('./alerting/silence.ts');
}

async function startDatabase(context: AgentContext, options: AgentOptions) {
  const { DatabaseConcern } = await import('./database/concern.ts');
  return new DatabaseConcern(context, options.peerPort === undefined ? {} : { peerPort: options.peerPort });
}

async function startBalancer(context: AgentContext) {
  const { BalancerConcern } = await import('./balancer/concern.ts');
  return new BalancerConcern(context);
}

async function startSilence(context: AgentContext) {
  const { SilenceConcern } = await import('./alerting/silence.ts');
  return new SilenceConcern(context, context.config.monitoring?.position ?? 0);
}

async function startTraffic(context: AgentContext) {
  const { TrafficConcern } = await import('./traffic/concern.ts');
  return new TrafficConcern(context);
}

async function startFaults(context: AgentContext) {
  const { LabFaults } = await import('./lab/faults.ts');
  const faults = new LabFaults(context);
  await faults.start();
  return faults;
}
