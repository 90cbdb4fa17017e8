/** The stacks whose rendered files are kept as golden files: what a user writes, one for each shape that differs. */
import type { StackFile } from '#src/spec/schema.ts';

const app = { directory: '.', command: ['node', 'server.ts'] };

const reference: StackFile = {
  stack: 'reference',
  hosts: {
    'lb-1': { roles: ['balancer', 'quorum'] },
    'lb-2': { roles: ['balancer'] },
    'server-1': { roles: ['web', 'database', 'quorum'], weight: 2 },
    'server-2': { roles: ['web', 'database', 'quorum'] },
  },
  web: { static: 'public', app },
};

export const stacks: Readonly<Record<string, StackFile>> = {
  reference,
  /** Allowed, with a warning: nobody takes the floating address over. */
  'one-balancer': {
    ...reference,
    stack: 'alone',
    hosts: Object.fromEntries(Object.entries(reference.hosts).filter(([name]) => name !== 'lb-2')),
    monitoring: false,
  },
  'active-active-balancers': {
    ...reference,
    stack: 'both',
    balancer: { mode: 'active-active' },
    site: { httpsPort: 9443, httpPort: 8080, domain: 'shop.example' },
    network: { egress: 'allow', operators: ['10.77.0.1', '192.0.2.0/24'] },
    database: {
      router: { consistency: 'session', maxConnectionsPerMember: 50, drainTimeoutMs: 5_000 },
      accounts: {
        reports: { password: 'generated', privileges: 'read' },
        importer: { password: { file: 'importer.password' } },
      },
    },
    monitoring: {
      hosts: ['lb-2', 'server-1'],
      scrapeSeconds: 30,
      alerts: {
        webhooks: [
          { url: 'https://alerts.example/hook', bearerTokenFile: 'token' },
          { url: 'http://192.0.2.9:8080/' },
        ],
        email: {
          to: ['ops@shop.example'],
          from: 'tandem@shop.example',
          smtp: 'mail.shop.example:587',
          username: 'tandem',
          passwordFile: 'password',
        },
        thresholds: { lagSeconds: 5, diskPercent: 70 },
      },
    },
  },
  servers: {
    ...reference,
    stack: 'servers',
    hosts: Object.fromEntries(
      Object.entries(reference.hosts).map(([name, host]) => [name, { ...host, ssh: `root@${name}.example` }]),
    ),
    network: { operators: ['192.0.2.0/24'] },
    ssh: { port: 2222 },
  },
  'active-passive-web': {
    ...reference,
    stack: 'passive',
    web: { mode: 'active-passive', instances: 1, app },
    monitoring: false,
  },
  'one-role-per-host': {
    stack: 'apart',
    hosts: {
      'lb-1': { roles: ['balancer'] },
      'lb-2': { roles: ['balancer'] },
      'web-1': { roles: ['web'] },
      'web-2': { roles: ['web'], weight: 0 },
      'db-1': { roles: ['database'] },
      'db-2': { roles: ['database'] },
      'db-3': { roles: ['database'] },
      'q-1': { roles: ['quorum'] },
      'q-2': { roles: ['quorum'] },
      'q-3': { roles: ['quorum'] },
    },
    web: { app },
    database: { settings: { innodb_io_capacity: 400, slow_query_log: true } },
    monitoring: false,
  },
};
