/** What every concern of the agent is handed. */
import { readFile } from 'node:fs/promises';
import { EtcdClient } from '#src/adapters/etcd/client.ts';
import type { TlsFiles } from '#src/adapters/etcd/transport.ts';
import type { Log } from '#src/adapters/log.ts';
import type { ServiceStatus } from '#src/plan/observed.ts';
import type { AgentConfig } from '#src/topology/agent-config.ts';

/** The part of the supervisor that an agent uses; `SupervisorClient` is one. */
export interface ServiceRunner {
  services(timeoutMs?: number): Promise<readonly ServiceStatus[]>;
  control(
    service: string,
    action: 'start' | 'stop' | 'restart' | 'reload' | 'kill',
    timeoutMs?: number,
  ): Promise<unknown>;
}

export interface AgentContext {
  readonly config: AgentConfig;
  readonly log: Log;
  readonly etcd: EtcdClient;
  readonly runner: ServiceRunner;
  readonly tls: TlsFiles;
  readonly warnings: Warnings;
  readonly startedMs: number;
}

/** Sentences for the operator, by what they are about; the latest of a subject stands until it is cleared. */
export class Warnings {
  readonly #sentences = new Map<string, string>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  set(subject: string, sentence: string | undefined): void {
    if (sentence === this.#sentences.get(subject)) return;
    if (sentence === undefined) {
      this.#sentences.delete(subject);
      this.#log.info('no longer a warning', { subject });
      return;
    }
    this.#sentences.set(subject, sentence);
    this.#log.warn(sentence, { subject });
  }

  /** What there are sentences about. */
  subjects(): readonly string[] {
    return [...this.#sentences.keys()];
  }

  list(): readonly string[] {
    return [...this.#sentences.values()];
  }
}

export async function createContext(
  config: AgentConfig,
  runner: ServiceRunner,
  log: Log,
): Promise<AgentContext> {
  const tls = {
    ca: await readFile(config.tls.ca, 'utf8'),
    certificate: await readFile(config.tls.certificate, 'utf8'),
    key: await readFile(config.tls.key, 'utf8'),
  };
  return {
    config,
    log,
    runner,
    tls,
    etcd: new EtcdClient({ endpoints: config.etcdEndpoints, tls }),
    warnings: new Warnings(log),
    startedMs: Date.now(),
  };
}
