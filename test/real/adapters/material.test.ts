import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { type AddressInfo, connect as netConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { leafLifetimeMs, renewBeforeMs } from '#src/adapters/tls/lifetimes.ts';
import { loadOrCreateMaterial } from '#src/provision/material/material.ts';
import type { Spec } from '#src/spec/spec.ts';
import { smallSpec } from '#test/unit/adapters/spec-fixture.ts';

const spec = smallSpec([
  ['server-1', '10.77.0.21'],
  ['server-2', '10.77.0.22'],
]);

describe('material', () => {
  let state: string;
  beforeEach(async () => {
    state = await mkdtemp(join(tmpdir(), 'tandem-material-'));
  });
  afterEach(() => rm(state, { recursive: true, force: true }));

  it('is made once, and the same the next time', async () => {
    const first = await loadOrCreateMaterial(state, spec);
    const second = await loadOrCreateMaterial(state, spec);
    expect(JSON.stringify(second)).toBe(JSON.stringify(first));
    expect(new Set(Object.values(first.passwords)).size).toBe(3);
  });

  it('makes a password for each account, and keeps that of one that is gone', async () => {
    const withAccounts = (accounts: Spec['database']['accounts']): Spec => ({
      ...spec,
      database: { ...spec.database, accounts },
    });
    const file = join(state, 'importer.password');
    await writeFile(file, 'new\nold\n');
    const both = withAccounts({
      reports: { password: 'generated', privileges: 'read' },
      importer: { password: { file }, privileges: 'write' },
    });
    const { accounts } = await loadOrCreateMaterial(state, both);
    const { server } = accounts['reports'] ?? {};
    expect(server).toMatch(/^[\w-]{32}$/);
    expect(accounts['reports']?.clients).toEqual([server]);
    expect(accounts['importer']?.clients).toEqual(['new', 'old']);
    expect(accounts['importer']?.server).not.toBe(server);
    expect((await loadOrCreateMaterial(state, withAccounts({}))).accounts).toEqual({});
    await writeFile(file, 'newest\n');
    const again = await loadOrCreateMaterial(state, both);
    expect(again.accounts['reports']).toEqual(accounts['reports']);
    expect(again.accounts['importer']).toEqual({ server: accounts['importer']?.server, clients: ['newest'] });
    await writeFile(file, '\n');
    await expect(loadOrCreateMaterial(state, both)).rejects.toMatchObject({
      code: 'password-unusable',
      issues: [{ path: 'database.accounts.importer.password.file' }],
    });
  });

  it('makes every certificate anew when it is to, under the same authority and with the same passwords', async () => {
    const first = await loadOrCreateMaterial(state, spec);
    const second = await loadOrCreateMaterial(state, spec, { renew: true });
    const serials = ({ hosts, operator, site, dashboard }: typeof first) =>
      [...Object.values(hosts), operator, site, dashboard.identity].map(
        ({ certificate }) => new X509Certificate(certificate).serialNumber,
      );
    expect(new Set([...serials(first), ...serials(second)]).size).toBe(2 * serials(first).length);
    expect(second.hosts['server-1']?.key).not.toBe(first.hosts['server-1']?.key);
    expect({ ca: second.ca, passwords: second.passwords }).toEqual({
      ca: first.ca,
      passwords: first.passwords,
    });
    expect(JSON.stringify(await loadOrCreateMaterial(state, spec))).toBe(JSON.stringify(second));
  });

  it('keeps everything to root', async () => {
    const { paths } = await loadOrCreateMaterial(state, spec);
    expect((await stat(paths.directory)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(paths.directory)) {
      expect((await stat(join(paths.directory, name))).mode & 0o777, name).toBe(0o600);
    }
  });

  it('gives a new host a certificate and leaves the others alone', async () => {
    const first = await loadOrCreateMaterial(state, spec);
    const more = smallSpec([
      ...spec.hosts.map((h): [string, string] => [h.name, h.address]),
      ['lb-1', '10.77.0.11'],
    ]);
    const second = await loadOrCreateMaterial(state, more);
    expect(second.hosts['server-1']).toEqual(first.hosts['server-1']);
    expect(new X509Certificate(second.hosts['lb-1']?.certificate ?? '').subjectAltName).toBe(
      'DNS:lb-1, IP Address:10.77.0.11, DNS:localhost, IP Address:127.0.0.1',
    );
  });

  it('renews a leaf near its end, and one whose address changed', async () => {
    const first = await loadOrCreateMaterial(state, spec);
    const later = Date.now() + leafLifetimeMs - renewBeforeMs + 60_000;
    const renewed = await loadOrCreateMaterial(state, spec, { nowMs: later });
    expect(renewed.ca).toBe(first.ca);
    expect(renewed.hosts['server-1']?.certificate).not.toBe(first.hosts['server-1']?.certificate);
    const moved = smallSpec([['server-1', '10.77.0.31']]);
    const again = await loadOrCreateMaterial(state, moved, { nowMs: later });
    expect(again.hosts['server-1']?.certificate).not.toBe(renewed.hosts['server-1']?.certificate);
  });

  it('shows one who only looks what would be renewed, and keeps what there is', async () => {
    const first = await loadOrCreateMaterial(state, spec);
    const moved = smallSpec([['server-1', '10.77.0.31']]);
    const looked = await loadOrCreateMaterial(state, moved, { look: true });
    expect(looked.hosts['server-1']?.certificate).not.toBe(first.hosts['server-1']?.certificate);
    expect((await loadOrCreateMaterial(state, spec)).hosts).toEqual(first.hosts);
  });

  it('has certificates that OpenSSL accepts for both purposes', async () => {
    const material = await loadOrCreateMaterial(state, spec);
    for (const purpose of ['sslserver', 'sslclient']) {
      const leaf = material.paths.host('server-1').certificate;
      const out = execFileSync('openssl', [
        'verify',
        '-x509_strict',
        '-purpose',
        purpose,
        '-CAfile',
        material.paths.ca,
        leaf,
      ]);
      expect(out.toString()).toContain(': OK');
    }
    expect(new X509Certificate(material.ca).ca).toBe(true);
  });

  it('serves mutual TLS', async () => {
    const material = await loadOrCreateMaterial(state, spec);
    const server = createServer(
      {
        cert: material.hosts['server-1']?.certificate,
        key: material.hosts['server-1']?.key,
        ca: material.ca,
        requestCert: true,
        rejectUnauthorized: true,
      },
      (_request, response) => response.end('hello'),
    );
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const port = (server.address() as AddressInfo).port;
    const peer = await new Promise<string>((done, fail) => {
      const socket = connect(
        {
          socket: netConnect(port, '127.0.0.1'),
          servername: 'server-1',
          ca: material.ca,
          cert: material.operator.certificate,
          key: material.operator.key,
        },
        () => done(String(socket.getPeerCertificate().subject.CN)),
      );
      socket.on('error', fail);
      socket.unref();
    });
    expect(peer).toBe('server-1');
    server.closeAllConnections();
    server.close();
  });

  it('converges from whatever an interruption leaves', async () => {
    const reference = await loadOrCreateMaterial(state, spec);
    const { paths } = reference;
    await writeFile(`${paths.secrets}.tandem-new-abc`, 'half');
    // The key of the next certificate is there, the certificate is not.
    await writeFile(paths.host('server-1').key, await readFile(paths.host('server-2').key));
    await rm(paths.operator.certificate);
    const after = await loadOrCreateMaterial(state, spec);
    expect(after.stackId).toBe(reference.stackId);
    expect(after.hosts['server-2']).toEqual(reference.hosts['server-2']);
    const pair = after.hosts['server-1'];
    expect(pair?.key).not.toBe(after.hosts['server-2']?.key);
    expect(await readdir(paths.directory)).not.toContain('secrets.json.tandem-new-abc');
    // Killed before the authority's certificate: nothing was signed yet.
    const half = join(state, 'half');
    const begun = await loadOrCreateMaterial(half, spec);
    await rm(begun.paths.ca);
    await expect(loadOrCreateMaterial(half, spec)).resolves.toBeDefined();
  });

  it('refuses damaged secrets without showing them', async () => {
    const { paths } = await loadOrCreateMaterial(state, spec);
    await writeFile(paths.secrets, '{"passwords": {"agent": "hunter2"}');
    await expect(loadOrCreateMaterial(state, spec)).rejects.toThrow(/damaged/);
    await rm(paths.caKey);
  });
});

describe("a user's certificate", () => {
  let state: string;
  beforeEach(async () => {
    state = await mkdtemp(join(tmpdir(), 'tandem-material-'));
  });
  afterEach(() => rm(state, { recursive: true, force: true }));

  async function issues(
    domain: string,
    mutate?: (files: { cert: string; key: string }) => Promise<void>,
    nowMs?: number,
  ) {
    const own = await loadOrCreateMaterial(
      join(state, 'other'),
      smallSpec([], { domain: 'www.example.com' }),
    );
    const files = { cert: join(state, 'site.pem'), key: join(state, 'site.key') };
    await writeFile(files.cert, own.site.certificate);
    await writeFile(files.key, own.site.key);
    await mutate?.(files);
    const withFiles = smallSpec([['server-1', '10.77.0.21']], {
      domain,
      certificate: { certificateFile: 'site.pem', keyFile: 'site.key' },
    });
    try {
      const material = await loadOrCreateMaterial(state, withFiles, {
        specDirectory: state,
        ...(nowMs === undefined ? {} : { nowMs }),
      });
      expect(material.site.certificate).toBe(own.site.certificate);
      return [];
    } catch (error) {
      return (error as { issues: { path: string; message: string }[] }).issues.map(
        (i) => `${i.path}: ${i.message}`,
      );
    }
  }

  it('is used when it is fit', async () => {
    expect(await issues('www.example.com')).toEqual([]);
  });

  it('names what is wrong, with the file', async () => {
    expect(await issues('shop.example.com')).toEqual([
      expect.stringMatching(/certificateFile: .*does not cover shop.example.com \(it is for www.example.com/),
    ]);
    expect(await issues('www.example.com', (f) => writeFile(f.cert, 'nonsense'))).toEqual([
      expect.stringMatching(/no PEM certificate/),
    ]);
    expect(await issues('www.example.com', (f) => writeFile(f.key, 'nonsense'))).toEqual([
      expect.stringMatching(/keyFile: .*no PEM private key/),
    ]);
    expect(await issues('www.example.com', (f) => rm(f.key))).toEqual([
      expect.stringMatching(/keyFile: can't read .*no such file/),
    ]);
    expect(await issues('www.example.com', undefined, Date.now() + leafLifetimeMs + 1)).toEqual([
      expect.stringMatching(/expired at/),
    ]);
  });
});
