/** Where a stack's hosts come from, as a port: the lab on this machine, or servers over SSH. */
import type { AgentEndpoint } from '#src/adapters/agent-client.ts';
import type { ReleaseName, Service } from '#src/render/service.ts';
import type { Reporter } from '#src/std/reporter.ts';
import type { HostDriver } from './host-driver.ts';

export type ReleaseHashes = Readonly<Partial<Record<ReleaseName, string>>>;

export interface LogSelection {
  readonly service: string | undefined;
  /** So many last lines of each service. */
  readonly lines: number;
  readonly follow: boolean;
}

export interface DownOptions {
  /** Data and packages too. */
  readonly purge: boolean;
}

export interface Infrastructure {
  /** Checks what must hold before anything is changed; rejects with all problems at once. */
  preflight(): Promise<void>;
  /** What is shipped to the hosts; undefined where they see it itself. */
  releases(): Promise<ReleaseHashes | undefined>;
  /** Packages that all hosts have from this machine (lab). */
  installPackages(services: readonly Service[], reporter: Reporter): Promise<void>;
  /** What the hosts have in common, such as the lab's bridge. Idempotent. */
  prepare(): Promise<void>;
  /** After everything was applied. */
  finish(reporter: Reporter): Promise<void>;
  /** Ends everything of the stack on one host, which the others know no more; its data stays. Repeatable. */
  leave(host: string): Promise<void>;
  driver(host: string): HostDriver;
  /** How this machine speaks to a host's agent. */
  agent(host: string): Promise<AgentEndpoint>;
  /** A unix socket that leads to the site's first address; undefined where this machine reaches it itself. */
  site(): Promise<string | undefined>;
  /** Exit code of a program that runs inside a host with this terminal's input and output. */
  attach(host: string, command: readonly string[]): Promise<number>;
  showLogs(hosts: readonly string[], selection: LogSelection): Promise<void>;
  down(reporter: Reporter, options: DownOptions): Promise<void>;
  /** Removes data, secrets and whatever else is kept of the stack on this machine. */
  purge(): Promise<void>;
}
