/** One measurement: requests per second and the 99th percentile of the time of a request, as a client sees them. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseWrk } from '#test/support/load.ts';
import type { Balancer } from './configurations.ts';
import type { World } from './world.ts';

export type Client = 'plain HTTP/1.1' | 'TLS HTTP/1.1' | 'TLS HTTP/2';

export interface Measurement {
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  readonly failed: number;
}

export const connections = 32;
const streams = 4;

export async function measure(
  world: World,
  balancer: Balancer,
  client: Client,
  address: string,
  seconds: number,
): Promise<Measurement> {
  const url =
    client === 'plain HTTP/1.1'
      ? `http://${address}:${balancer.plainPort}/small.html`
      : `https://${address}:${balancer.tlsPort}/small.html`;
  return client === 'TLS HTTP/2' ? withH2load(world, url, seconds) : withWrk(world, url, seconds);
}

async function withWrk(world: World, url: string, seconds: number): Promise<Measurement> {
  const words = ['--latency', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '5s', url];
  const { code, stdout, stderr } = await world.run('wrk', words);
  if (code !== 0) throw new Error(`wrk ended with ${code}: ${stdout}${stderr}`);
  const { requestsPerSecond, p99Ms, failed } = parseWrk(stdout);
  return { requestsPerSecond, p99Ms, failed };
}

/** h2load prints no percentiles, but logs every request: start, status and time in microseconds, tab-separated. */
async function withH2load(world: World, url: string, seconds: number): Promise<Measurement> {
  const log = join(world.directory, 'h2load.log');
  await rm(log, { force: true });
  const clients = connections / streams;
  const words = [
    '-D',
    String(seconds),
    '-c',
    String(clients),
    '-m',
    String(streams),
    `--log-file=${log}`,
    url,
  ];
  const { code, stdout, stderr } = await world.run('h2load', words);
  if (code !== 0) throw new Error(`h2load ended with ${code}: ${stdout}${stderr}`);
  if (!stdout.includes('Application protocol: h2'))
    throw new Error(`${url} does not speak HTTP/2: ${stdout}`);
  const requests = (await readFile(log, 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split('\t').map(Number));
  const times = requests.map((request) => request[2] ?? 0).sort((left, right) => left - right);
  const failed = requests.filter((request) => request[1] !== 200).length;
  return {
    requestsPerSecond: times.length / seconds,
    p99Ms: (times[Math.floor(times.length * 0.99)] ?? 0) / 1_000,
    failed,
  };
}
