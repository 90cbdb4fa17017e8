/** The time view from Prometheus: what is asked, what is made of the answers, and the next one when one is away. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createAuthority, issueLeaf } from '#src/adapters/tls/authority.ts';
import { metricsSchema } from '#src/dashboard/api/schemas.ts';
import { PrometheusSource, queries } from '#src/dashboard/server/prometheus.ts';

let server: Server;
let tls: { ca: string; certificate: string; key: string };
const asked: URLSearchParams[] = [];

/** Speaks the API's answer for whatever is asked: two values with a gap between, and one that is no number. */
function answer(parameters: URLSearchParams): string {
  const [start, step] = [Number(parameters.get('start')), Number(parameters.get('step'))];
  const values = [
    [start, '1.5'],
    [start + 2 * step, '2.5'],
    [start + 3 * step, 'NaN'],
  ];
  const metric = { server: 'server-1', member: 'server-1', instance: 'lb-1' };
  return JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: [{ metric, values }] } });
}

beforeAll(async () => {
  const authority = await createAuthority('prometheus test', Date.now());
  const leaf = await issueLeaf(authority, { commonName: 'dashboard', names: ['127.0.0.1'] }, Date.now());
  tls = { ca: authority.certificate, ...leaf };
  const options = {
    ca: tls.ca,
    cert: tls.certificate,
    key: tls.key,
    requestCert: true,
    rejectUnauthorized: true,
  };
  server = createServer(options, (request, response) => {
    const url = new URL(request.url ?? '', 'https://localhost');
    asked.push(url.searchParams);
    response.end(url.pathname === '/api/v1/query_range' ? answer(url.searchParams) : '{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => server.close());

it('asks every query, and aligns what comes to one time axis', async () => {
  const { port } = server.address() as AddressInfo;
  const source = new PrometheusSource(['https://127.0.0.1:1', `https://127.0.0.1:${port}`], tls);
  const to = 1_800_000_000_000;
  const found = await source.query({ from: to - 3_600_000, to, points: 300 });
  expect(metricsSchema.parse({ ...found, marks: [] }).source).toBe('prometheus');
  expect(asked.map((one) => one.get('query')).sort()).toEqual(
    queries.map(({ expression }) => expression('60s')).sort(),
  );
  expect(found.times.length).toBeLessThanOrEqual(302);
  const labels = found.series.map(({ name, label }) => `${name} ${label}`.trim());
  expect(labels).toContain('requests');
  expect(labels).toContain('requests server-1');
  expect(labels).toContain('load lb-1');
  for (const { values } of found.series) {
    expect(values.length).toBe(found.times.length);
    expect(values.slice(0, 5)).toEqual([1.5, null, 2.5, null, null]);
  }
});

it('marks alerts that began in the range, from whichever answers', async () => {
  const { port } = server.address() as AddressInfo;
  const source = new PrometheusSource(['https://127.0.0.1:1', `https://127.0.0.1:${port}`], tls);
  const to = 1_800_000_000_000;
  const marks = await source.alerts({ from: to - 3_600_000, to, points: 300 });
  expect(asked.at(-1)?.get('query')).toContain('ALERTS{alertstate="firing"}');
  // Its first value is before the range, and the others are too near to be another time.
  expect(marks).toEqual([]);
});

it('rejects when none answers, so that the memory can', async () => {
  const source = new PrometheusSource(['https://127.0.0.1:1'], tls);
  await expect(source.query({ from: 0, to: 1_000_000, points: 10 })).rejects.toThrow();
});
