/** What every service of every host must keep to, and what single renderers promise. */
import { describe, expect, it } from 'vitest';
import { configurationText, definitionText } from '#src/plan/observed.ts';
import { haproxyConfiguration } from '#src/render/haproxy.ts';
import { hostServices } from '#src/render/host-services.ts';
import type { Service } from '#src/render/service.ts';
import type { StackFile } from '#src/spec/schema.ts';
import type { Spec } from '#src/spec/spec.ts';
import { hostPaths } from '#src/topology/paths.ts';
import { fixedMaterial } from '#test/fixtures/material.ts';
import { hostNamed, referenceSpec, referenceStackFile, specOf } from '#test/fixtures/spec.ts';
import { stacks } from '#test/golden/stacks.ts';

function servicesOf(spec: Spec, host: string): readonly Service[] {
  return hostServices({ spec, host: hostNamed(spec, host), material: fixedMaterial(spec) });
}

function contentOf(spec: Spec, host: string, file: string): string {
  const found = servicesOf(spec, host)
    .flatMap((service) => service.files)
    .find((candidate) => candidate.path === `${hostPaths.config}/${file}`);
  if (found === undefined) throw new Error(`${host} has no ${file}`);
  return found.content;
}

describe.each(Object.entries(stacks))('%s', (_name, stack) => {
  const spec = specOf(stack);
  const all = spec.hosts.flatMap((host) => servicesOf(spec, host.name).map((service) => ({ host, service })));

  it('keeps secrets out of arguments, and their files from others', () => {
    const { passwords, accounts, hosts, site, monitoring, receivers, dashboard } = fixedMaterial(spec);
    const ofAccounts = Object.values(accounts).flatMap(({ server, clients }) => [server, ...clients]);
    const ofDashboard = [dashboard.identity.key, dashboard.sessionKey, ...Object.values(dashboard.passwords)];
    const secrets = [
      ...Object.values(passwords),
      ...ofAccounts,
      ...ofDashboard,
      site.key,
      ...[...Object.values(hosts), ...Object.values(monitoring)].map(({ key }) => key),
      ...receivers.webhookTokens.flatMap((token) => token ?? []),
      ...(receivers.emailPassword === undefined ? [] : [receivers.emailPassword]),
    ];
    // The application's password is percent-encoded in its URL; quotes are escaped in option files.
    const texts = secrets.flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      secret.replaceAll('"', '\\"'),
    ]);
    for (const { service } of all) {
      const { files, ...definition } = service;
      for (const text of texts) expect(JSON.stringify(definition)).not.toContain(text.trim());
      for (const file of files) {
        const isSecret = texts.some((text) => file.content.includes(text.trim()));
        expect(file.secret ?? false, file.path).toBe(isSecret);
        if (isSecret) expect(file.mode & 0o077, file.path).toBe(0);
      }
    }
  });

  it('gives every file of a host one owner, below the configuration directory but for units', () => {
    for (const host of spec.hosts) {
      const paths = servicesOf(spec, host.name).flatMap((service) => service.files.map(({ path }) => path));
      expect(new Set(paths).size).toBe(paths.length);
      const units = paths.filter((path) => path.startsWith('/etc/systemd/system/tandem-'));
      expect(units).toHaveLength(host.ssh === undefined ? 0 : servicesOf(spec, host.name).length);
      for (const path of paths)
        expect(path.startsWith(`${hostPaths.config}/`) || units.includes(path), path).toBe(true);
    }
  });

  it('starts services after those that they wait for', () => {
    for (const host of spec.hosts) {
      const names = servicesOf(spec, host.name).map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const service of servicesOf(spec, host.name)) {
        for (const before of service.after) {
          expect(names.indexOf(before)).toBeLessThan(names.indexOf(service.name));
          expect(names).toContain(before);
        }
      }
    }
  });

  it('can be reloaded wherever a file asks for it, and says so in absolute programs', () => {
    for (const { service } of all) {
      if (service.files.some((file) => file.onChange === 'reload')) expect(service.reload).toBeDefined();
      const commands = [service.command, ...(service.beforeStart ?? []), ...(service.afterStop ?? [])];
      for (const [program] of commands) expect(program?.startsWith('/')).toBe(true);
    }
  });
});

describe('haproxy', () => {
  const web = (change: Partial<StackFile['web']>) =>
    haproxyConfiguration(referenceSpec({ web: { ...referenceStackFile.web, ...change } }));

  it('spreads by weight, or takes the first usable host', () => {
    expect(web({ mode: 'active-active' })).toContain('balance static-rr');
    expect(web({ mode: 'active-active' })).toMatch(/server server-1 \S+ weight 2 /);
    expect(web({ mode: 'active-passive' })).toContain('balance first');
  });

  it('repeats only what is harmless to repeat', () => {
    expect(web({})).toContain('disable-l7-retry unless METH_GET or METH_OPTIONS');
  });

  it('redirects to a port of its own', () => {
    const spec = referenceSpec({ site: { httpsPort: 9443 } });
    expect(haproxyConfiguration(spec)).toContain('field(1,:)]:9443%[pathq]');
  });
});

describe('keepalived', () => {
  it('ranks active-active balancers in turn', () => {
    const spec = referenceSpec({ balancer: { mode: 'active-active' } });
    const priorities = (host: string) =>
      [...contentOf(spec, host, 'keepalived/keepalived.conf').matchAll(/priority (\d+)/g)].map(([, n]) => n);
    expect(priorities('lb-1')).toEqual(['200', '190']);
    expect(priorities('lb-2')).toEqual(['190', '200']);
  });

  it('adverts in hundredths of a second', () => {
    const spec = referenceSpec({ balancer: { advertMs: 250 } });
    expect(contentOf(spec, 'lb-1', 'keepalived/keepalived.conf')).toContain('advert_int 0.25');
  });
});

describe('app', () => {
  it('runs the pinned Node.js, an absolute program, or one of the host', () => {
    const commandOf = (...command: [string, ...string[]]) => {
      const app = { ...referenceStackFile.web.app, command };
      const spec = referenceSpec({ web: { ...referenceStackFile.web, app } });
      return servicesOf(spec, 'server-1').find(({ name }) => name === 'app-1')?.command;
    };
    expect(commandOf('node', 'server.ts')).toEqual(['/opt/tandem/code/scripts/node.sh', 'server.ts']);
    expect(commandOf('/usr/bin/php', '-S')).toEqual(['/usr/bin/php', '-S']);
    expect(commandOf('python3', 'x.py')).toEqual(['/usr/bin/env', 'python3', 'x.py']);
  });
});

describe('mariadb', () => {
  it('takes settings of the stack file as option files want them', () => {
    const spec = referenceSpec({
      database: {
        settings: { slow_query_log: true, sql_mode: 'TRADITIONAL', init_slave: 'SET @a = 1 # "x"' },
      },
    });
    const text = contentOf(spec, 'server-1', 'mariadb/my.cnf');
    expect(text).toContain(
      '\nslow_query_log = ON\nsql_mode = TRADITIONAL\ninit_slave = "SET @a = 1 # "x""\n',
    );
  });
});

describe('the SQL router', () => {
  const routerOf = (router: NonNullable<StackFile['database']>['router']): Service | undefined =>
    servicesOf(referenceSpec({ database: { router } }), 'server-1').find(({ name }) => name === 'router');

  it('is on every web host, without a word in the stack file', () => {
    const servicesWithRouter = (host: string) => servicesOf(referenceSpec(), host).map(({ name }) => name);
    expect(servicesWithRouter('server-2')).toContain('router');
    expect(servicesWithRouter('lb-1')).not.toContain('router');
  });

  it('is all that the application knows of the database', () => {
    const names = Object.fromEntries(
      contentOf(referenceSpec(), 'server-1', 'app/app-1.env')
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/s)),
    );
    expect(Object.keys(names)).toEqual(['DATABASE_URL']);
    expect(names['DATABASE_URL']).toMatch(
      /^mysql:\/\/users:[^@]+@localhost\/users\?socket=\/run\/tandem\/router\/router\.sock$/,
    );
  });

  it('is given the time to drain before it is killed', () => {
    expect(routerOf({})?.stop.timeoutMs).toBeGreaterThan(10_000);
    expect(routerOf({ drainTimeoutMs: 60_000 })?.stop.timeoutMs).toBeGreaterThan(60_000);
  });

  it('takes changed settings by a reload, its own and what follows from other keys', () => {
    const plain = routerOf({}) as Service;
    const settings = {
      workers: 3,
      drainTimeoutMs: 60_000,
      maxConnectionsPerMember: 40,
      bufferBytes: 100_000,
    };
    for (const router of [{ consistency: 'session' } as const, settings]) {
      const changed = routerOf(router) as Service;
      expect(definitionText(changed)).toBe(definitionText(plain));
      expect(configurationText(changed)).not.toBe(configurationText(plain));
    }
    expect(plain.reload).toEqual({ kind: 'signal', signal: 'SIGHUP', replacesWorkers: true });
  });

  it('shares the connections of a member with the other routers, and has room for its clients', () => {
    const content = routerOf({ maxClientConnections: 50_000 })?.files[0]?.content ?? '{}';
    expect(JSON.parse(content)).toMatchObject({ maxConnectionsPerMember: 90, maxClientConnections: 50_000 });
    const { NODE_OPTIONS: options = '' } = routerOf({ maxClientConnections: 50_000 })?.environment ?? {};
    expect(Number(/--max-old-space-size=(\d+)/.exec(options)?.[1])).toBeGreaterThan(1_000);
    expect(routerOf({ maxClientConnections: 50_000, maxConnectionsPerMember: 90 })?.openFiles).toBe(65_536);
  });
});
