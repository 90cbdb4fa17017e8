/** Load on the site with wrk (Debian): it counts every connection that broke and every answer that was no success. */
import { spawn } from 'node:child_process';

export interface LoadReport {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Answers other than 2xx and 3xx, and connect, read, write and timeout errors together. */
  readonly failed: number;
  readonly p99Ms: number;
  readonly output: string;
}

export interface Load {
  readonly done: Promise<LoadReport>;
  /** Ends it before its time; `done` resolves with what was seen by then. */
  stop(): void;
}

export function startLoad(
  url: string,
  options: { connections: number; seconds: number; threads?: number; timeoutSeconds?: number },
): Load {
  const child = spawn('wrk', [
    '--latency',
    `-t${options.threads ?? 1}`,
    `-c${options.connections}`,
    `-d${options.seconds}s`,
    '--timeout',
    `${options.timeoutSeconds ?? 5}s`,
    url,
  ]);
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  const done = new Promise<LoadReport>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(parseWrk(output));
      else reject(new Error(`wrk ended with ${code}: ${output}`));
    });
  });
  return { done, stop: () => child.kill('SIGINT') };
}

export function parseWrk(output: string): LoadReport {
  const number = (pattern: RegExp) => Number(pattern.exec(output)?.[1] ?? 0);
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output);
  const broken = sockets === null ? 0 : sockets.slice(1).reduce((sum, value) => sum + Number(value), 0);
  const p99 = /99%\s+([\d.]+)(us|ms|s)/.exec(output);
  const scale = p99?.[2] === 'us' ? 0.001 : p99?.[2] === 's' ? 1_000 : 1;
  return {
    requests: number(/(\d+) requests in/),
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    failed: number(/Non-2xx or 3xx responses: (\d+)/) + broken,
    p99Ms: Number(p99?.[1] ?? 0) * scale,
    output,
  };
}
