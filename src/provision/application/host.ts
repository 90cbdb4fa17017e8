/** The application's releases on one web host, through its driver: the same script whoever drives it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProgramInput } from '#src/adapters/process/ending.ts';
import { TandemError } from '#src/std/errors.ts';
import { applicationDirectory, codeDirectory, nodeProgram } from '#src/topology/paths.ts';
import type { HostDriver } from '../host-driver.ts';
import { type ReleaseArchive, readArchive } from './archive.ts';

const script = readFileSync(join(import.meta.dirname, 'host.sh'), 'utf8');
const quickMs = 30_000;
const transferMs = 1_800_000;
const logLines = 12;

export interface HostReleases {
  /** What processes start from; null before the first release. */
  readonly current: string | null;
  /** What all of them were last started from; null when that was never finished. */
  readonly applied: string | null;
  readonly releases: readonly string[];
}

/** What the check inside the host found (src/bin/check-web.ts). */
export interface WebCheck {
  readonly healthy: boolean;
  /** Sentences: what does not answer, and how. */
  readonly problems: readonly string[];
}

export class HostApplication {
  readonly driver: HostDriver;

  constructor(driver: HostDriver) {
    this.driver = driver;
  }

  get host(): string {
    return this.driver.host;
  }

  async observe(): Promise<HostReleases> {
    const lines = (await this.#run(['observe'])).split('\n').filter(Boolean);
    const values = (key: string) =>
      lines.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
    return {
      current: values('current')[0] ?? null,
      applied: values('applied')[0] ?? null,
      releases: values('release'),
    };
  }

  async install(archive: ReleaseArchive): Promise<void> {
    const words = ['install', archive.release, String(archive.bytes)];
    await this.#run(words, { timeoutMs: transferMs, input: readArchive(archive) });
  }

  async use(release: string): Promise<void> {
    await this.#run(['use', release]);
  }

  async applied(release: string): Promise<void> {
    await this.#run(['applied', release]);
  }

  async keep(releases: readonly string[]): Promise<void> {
    await this.#run(['keep', ...releases]);
  }

  /** A release that this machine has lost, as a gzipped archive. */
  async export(release: string): Promise<Buffer> {
    return Buffer.from(await this.#run(['export', release], { timeoutMs: transferMs }), 'base64');
  }

  /**
   * Asks every process and nginx, again and again, until all answer or the time is over. The router's old workers are given
   * `drainMs` first, so that nothing that they close is in use again.
   */
  async check(question: {
    readonly drainMs: number;
    readonly sockets: readonly string[];
    readonly healthPath: string;
    readonly timeoutMs: number;
  }): Promise<WebCheck> {
    const program = [nodeProgram, `${codeDirectory}/src/bin/check-web.ts`, JSON.stringify(question)];
    const { code, stdout, stderr } = await this.driver.run(program, {
      timeoutMs: question.drainMs + question.timeoutMs + quickMs,
    });
    if (code === 0) return JSON.parse(stdout) as WebCheck;
    return { healthy: false, problems: [`the check did not run: ${stderr.trim().split('\n').at(-1)}`] };
  }

  /** Last lines of a service's log; none when they can't be read. */
  async lastLines(service: string): Promise<readonly string[]> {
    const text = await this.#run(['logs', service, String(logLines)]).catch(() => '');
    return text.split('\n').filter(Boolean);
  }

  async #run(
    words: readonly string[],
    options: { timeoutMs?: number; input?: ProgramInput } = {},
  ): Promise<string> {
    const command = ['sh', '-c', script, 'sh', applicationDirectory, ...words];
    const { code, stdout, stderr } = await this.driver.run(command, { timeoutMs: quickMs, ...options });
    if (code === 0) return stdout;
    const what =
      words[0] === 'observe' ? 'look at its releases' : `${words[0]} release ${words[1] ?? ''}`.trimEnd();
    throw new TandemError('release-failed', `${this.host}: could not ${what}.`, {
      issues: stderr
        .trim()
        .split('\n')
        .slice(-3)
        .map((message) => ({ path: this.host, message })),
      hint: 'What runs was not changed by this step. Put that right, then run the command again.',
    });
  }
}
