/**
 * Speaks to a lab host's supervisor: HTTP and JSON over its unix socket. Used from outside by the lab's driver, from
 * inside by the host's agent. Types of the interface live here, because both ends import them.
 */
import { closeSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { ServiceStatus } from '#src/plan/observed.ts';
import type { Service } from '#src/render/service.ts';
import { TandemError } from '#src/std/errors.ts';
import { supervisorSocket } from '#src/topology/paths.ts';

/** A service as its runner needs it: no file contents (they may be secret), but the fingerprints that cover them. */
export interface DefinedService extends Omit<Service, 'files' | 'validate' | 'packages'> {
  /** `definitionText` hashed. */
  readonly definition: string;
  /** `configurationText` hashed. */
  readonly configuration: string;
}

export type SupervisorAction = 'start' | 'stop' | 'restart' | 'reload' | 'kill';

/** Body of every answer that is not 200. `log`: last lines that the service wrote. */
export interface SupervisorFailure {
  readonly code: string;
  readonly message: string;
  readonly log: readonly string[];
}

export interface SupervisorHealth {
  readonly pid: number;
  /** The process that takes over when this one dies. */
  readonly keeperPid: number | null;
  readonly host: string;
}

/** Longest wait for an action: starts may include the first initialisation of a database. */
const actionTimeoutMs = 300_000;

export class SupervisorClient {
  readonly #socket: string;
  readonly #host: string;

  /** `socket` may be longer than a unix address (107 bytes) allows; `host` names it in errors. */
  constructor(socket: string = supervisorSocket, host = 'this host') {
    this.#socket = socket;
    this.#host = host;
  }

  health(timeoutMs = 2_000): Promise<SupervisorHealth> {
    return this.#call('GET', '/v1/health', undefined, timeoutMs) as Promise<SupervisorHealth>;
  }

  /** Undefined when nobody answers. */
  async healthIfThere(timeoutMs = 2_000): Promise<SupervisorHealth | undefined> {
    try {
      return await this.health(timeoutMs);
    } catch (error) {
      if (error instanceof TandemError && error.code === 'supervisor-unreachable') return undefined;
      throw error;
    }
  }

  services(timeoutMs = 5_000): Promise<readonly ServiceStatus[]> {
    return this.#call('GET', '/v1/services', undefined, timeoutMs) as Promise<readonly ServiceStatus[]>;
  }

  /** Definitions that hold from now on. Restarts nothing; what is no longer defined runs until it is stopped. */
  async define(services: readonly DefinedService[]): Promise<void> {
    await this.#call('PUT', '/v1/services', services, 10_000);
  }

  /** Answers when done (`start`, `restart`, `reload`: ready); rejects with the reason and the service's last log lines. */
  async control(
    service: string,
    action: SupervisorAction,
    timeoutMs = actionTimeoutMs,
  ): Promise<ServiceStatus> {
    const path = `/v1/services/${encodeURIComponent(service)}/${action}`;
    return (await this.#call('POST', path, undefined, timeoutMs)) as ServiceStatus;
  }

  /** Stops every service (what needs longer than `graceMs` is killed), then the supervisor itself. */
  async shutdown(graceMs: number): Promise<void> {
    await this.#call('POST', '/v1/shutdown', { graceMs }, graceMs + 700);
  }

  async #call(method: string, path: string, body: unknown, timeoutMs: number): Promise<unknown> {
    const { status, text } = await this.#request(method, path, body, timeoutMs);
    if (status === 200) return JSON.parse(text);
    const failure = parseFailure(text);
    throw new TandemError(failure.code, `${this.#host}: ${failure.message}`, {
      issues: failure.log.map((line) => ({ path: this.#host, message: line })),
    });
  }

  async #request(
    method: string,
    path: string,
    body: unknown,
    timeoutMs: number,
  ): Promise<{ status: number; text: string }> {
    let directory: number;
    try {
      directory = openSync(dirname(this.#socket), 'r');
    } catch (error) {
      throw this.#unreachable(error);
    }
    // Loaded when there is somebody to ask: all of node:http is a tenth of what a short command takes.
    const { request } = await import('node:http');
    return new Promise((done, fail) => {
      const unreachable = (cause: unknown) => fail(this.#unreachable(cause));
      const close = once(() => closeSync(directory));
      const socketPath = `/proc/self/fd/${directory}/${basename(this.#socket)}`;
      const call = request({ socketPath, method, path, agent: false, timeout: timeoutMs }, (answer) => {
        close();
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () => done({ status: answer.statusCode ?? 0, text }));
        answer.on('error', unreachable);
      });
      call.on('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      call.on('error', (error) => {
        close();
        unreachable(error);
      });
      call.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  #unreachable(cause: unknown): TandemError {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new TandemError(
      'supervisor-unreachable',
      `${this.#host}: its supervisor does not answer (${why}).`,
      {
        hint: "Run 'tandem up' again: it brings the host back.",
        cause,
      },
    );
  }
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

function parseFailure(text: string): SupervisorFailure {
  try {
    const { code, message, log } = JSON.parse(text) as Partial<SupervisorFailure>;
    return { code: code ?? 'supervisor-failed', message: message ?? text, log: log ?? [] };
  } catch {
    return { code: 'supervisor-failed', message: text, log: [] };
  }
}
