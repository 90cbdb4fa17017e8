/** Causes of the alerts on the machines, and what runs on them. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { issueLeaf } from '#src/adapters/tls/authority.ts';
import { expectCommand } from '#test/support/command.ts';
import { type Cause, expected, members } from './cause.ts';

export const hostsCauses: readonly Cause[] = [
  {
    what: "a host's link is down",
    alerts: expected('HostDown', 'FailoverImpossible'),
    group: 'host',
    async provoke({ lab }) {
      const { replica } = await members(lab);
      await lab.fault('link-down', replica.host);
      return () => lab.fault('link-up', replica.host);
    },
  },
  {
    what: 'the disk of a host is 90 % full',
    alerts: expected('DiskFull'),
    group: 'figures',
    async provoke({ disk }) {
      const filler = join(disk, 'filler');
      await expectCommand('fallocate', ['--length', '880MiB', filler]);
      return async () => {
        await expectCommand('rm', ['-f', filler]);
      };
    },
  },
  {
    what: 'a service dies at each start',
    alerts: expected('CrashLoop', 'ServiceDown'),
    group: 'aside',
    async provoke({ lab }) {
      // Nobody else needs it meanwhile.
      const until = lab.keepDown('lb-2', ['dashboard'], 150_000);
      until.catch(() => undefined);
      return () => until;
    },
  },
  {
    what: "the site's certificate ends in five days",
    alerts: expected('CertificateEnds'),
    group: 'certificate',
    async provoke({ lab }) {
      const directory = join(lab.directory, 'near');
      await mkdir(directory, { recursive: true });
      const material = join(await lab.stateDirectory(), 'material');
      const authority = {
        certificate: await readFile(join(material, 'ca.pem'), 'utf8'),
        key: await readFile(join(material, 'ca.key'), 'utf8'),
      };
      const domain = `${lab.stack.stack}.internal`;
      const day = 86_400_000;
      const near = await issueLeaf(
        authority,
        { commonName: domain, names: [domain, (await lab.status()).site.address] },
        Date.now() - 392 * day,
      );
      await writeFile(join(directory, 'site.pem'), near.certificate);
      await writeFile(join(directory, 'site.key'), near.key);
      const before = lab.stack;
      const files = { certificateFile: 'near/site.pem', keyFile: 'near/site.key' };
      await lab.write({ ...before, site: { ...before.site, certificate: files } });
      await lab.expect('up');
      return async () => {
        await lab.write(before);
        await lab.expect('up');
      };
    },
  },
  {
    what: 'the links of three hosts are down',
    alerts: expected('MonitoringBlind'),
    group: 'blind',
    separates: true,
    async provoke({ lab }) {
      const hosts = ['lb-2', 'server-1', 'server-2'];
      for (const host of hosts) await lab.fault('link-down', host);
      return async () => {
        for (const host of hosts) await lab.fault('link-up', host);
      };
    },
  },
];
