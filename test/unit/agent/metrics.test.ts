/** What the agent tells Prometheus, part by part. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createAuthority, issueLeaf } from '#src/adapters/tls/authority.ts';
import { certificateEnds } from '#src/agent/metrics/certificates.ts';
import { disks } from '#src/agent/metrics/disks.ts';
import { one, Readings } from '#src/agent/metrics/gauges.ts';
import { nginxMetrics } from '#src/agent/metrics/web.ts';

async function samples(readings: Readings): Promise<readonly string[]> {
  const text = await readings.text();
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('readings', () => {
  it('are those of the moment, and none where nothing is known', async () => {
    const readings = new Readings();
    let value: number | null = 3;
    let labels: string[] = ['a', 'b'];
    readings.gauge('plain', 'x', [], () => one(value));
    readings.counter('counted_total', 'x', [], () => one(value));
    readings.gauge('labelled', 'x', ['of'], () => labels.map((of) => [{ of }, 1]));
    expect(await samples(readings)).toEqual([
      'plain 3',
      'counted_total 3',
      'labelled{of="a"} 1',
      'labelled{of="b"} 1',
    ]);
    value = null;
    labels = ['b'];
    expect(await samples(readings)).toEqual(['labelled{of="b"} 1']);
    value = 0;
    expect(await samples(readings)).toEqual(['plain 0', 'counted_total 0', 'labelled{of="b"} 1']);
  });

  it('fail as a whole when one can not be read', async () => {
    const readings = new Readings();
    readings.gauge('broken', 'x', [], () => Promise.reject(new Error('no')));
    await expect(readings.text()).rejects.toThrow('no');
  });
});

describe('certificates', () => {
  it('are told once each, with their names and ends, and keys are none', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tandem-ends-'));
    try {
      const nowMs = Date.parse('2026-01-01T00:00:00Z');
      const authority = await createAuthority('test CA', nowMs);
      const leaf = await issueLeaf(authority, { commonName: 'lb-1', names: ['lb-1'] }, nowMs);
      await mkdir(join(directory, 'a'));
      await mkdir(join(directory, 'b'));
      await writeFile(join(directory, 'a/host.pem'), `${leaf.certificate}${leaf.key}`);
      await writeFile(join(directory, 'b/host.pem'), leaf.certificate);
      await writeFile(join(directory, 'b/ca.pem'), authority.certificate);
      await writeFile(join(directory, 'b/broken.pem'), 'nothing\n');
      await writeFile(join(directory, 'b/host.key'), leaf.key);
      const day = 86_400_000;
      const inDays = (ends: Awaited<ReturnType<typeof certificateEnds>>) =>
        ends.map(({ file, name, notAfterMs }) => [file, name, Math.round((notAfterMs - nowMs) / day)]);
      expect(inDays(await certificateEnds(directory))).toEqual([
        ['a/host.pem', 'lb-1', 397],
        ['b/ca.pem', 'test CA', 3_653],
      ]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe('disks', () => {
  it('are told once each; what is not there is left out', async () => {
    const found = await disks(['/no/such/place', '/', '/bin/..', '/proc']);
    expect(found.map(({ path }) => path)).toEqual(['/', '/proc']);
    const [root] = found;
    expect(root?.sizeBytes).toBeGreaterThan(root?.availableBytes ?? 0);
  });
});

describe("nginx' status", () => {
  it('is told in Prometheus’ format', () => {
    const text = nginxMetrics(
      'Active connections: 3 \nserver accepts handled requests\n 10 9 42 \nReading: 0 Writing: 1 Waiting: 2 \n',
    );
    expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
      'nginx_connections_active 3',
      'nginx_connections_accepted 10',
      'nginx_connections_handled 9',
      'nginx_http_requests_total 42',
      'nginx_connections_reading 0',
      'nginx_connections_writing 1',
      'nginx_connections_waiting 2',
    ]);
  });

  it('is refused when it is something else', () => {
    expect(() => nginxMetrics('<html>')).toThrow("can't be read");
  });
});
