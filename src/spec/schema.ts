/**
 * The stack file's schema: the single source of its types, defaults, error messages, JSON Schema and reference page.
 * Checks that need more than one key (addresses, quorum, roles) are in `rules.ts`.
 */
import { z } from 'zod';
import { isCidr, isIpv4, networkAround } from '#src/std/ipv4.ts';

/** Names of stacks and hosts become host names, certificate names and names of network namespaces. */
export const namePattern = /^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$/;
export const nameText =
  'should be 1 to 20 lower-case letters, digits and dashes, starting with a letter and not ending with a dash';

const name = z.string().regex(namePattern, nameText);
const ipv4 = z
  .string()
  .refine(isIpv4, 'should be an IPv4 address such as 10.77.0.11')
  .meta({ title: 'an IPv4 address' });
const cidr = z
  .string()
  .refine(isCidr, {
    error: ({ input }) => networkText(String(input), 'an IPv4 network such as 10.77.0.0/24'),
  })
  .meta({ title: 'an IPv4 network' });
const addressOrCidr = z
  .string()
  .refine((value) => isIpv4(value) || isCidr(value), {
    error: ({ input }) => networkText(String(input), 'an IPv4 address or network'),
  })
  .meta({ title: 'an IPv4 address or network' });
const port = z.int().min(1).max(65_535);
const milliseconds = (least: number, most: number) => z.int().min(least).max(most);
const path = z
  .string()
  .regex(/^[^\0\r\n]+$/, 'should be a path on one line')
  .meta({ title: 'a path' });
/** Occasions on which an agent of the database runs a command of the operator's. */
export const hookNames = ['onPromote', 'onDemote', 'onDegrade', 'onSync', 'onErrant', 'onClone'] as const;
export type HookName = (typeof hookNames)[number];

const headerSafe = z.string().regex(/^[^\0\r\n]*$/, 'should be one line');
const environment = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'should be an environment variable name'), headerSafe)
  .describe('Environment variables; no secrets: the file is not a secret.');

/** 10.77.0.5/24 is a common slip: then the network that it lies in is named. */
function networkText(value: string, wanted: string): string {
  const [address = '', length = ''] = value.split('/');
  const slip = isIpv4(address) && /^(?:[0-9]|[12][0-9]|3[0-2])$/.test(length);
  return slip ? `should be a network: the one of ${value} is ${networkAround(value)}` : `should be ${wanted}`;
}

export const roles = ['balancer', 'web', 'database', 'quorum'] as const;

const host = z
  .strictObject({
    roles: z.array(z.enum(roles)).min(1).describe('What the host does; roles are free to combine.'),
    address: ipv4
      .optional()
      .describe("The host's address; by default the next free one of `network.subnet`, from .11 up."),
    weight: z.int().min(0).max(256).default(1).describe('Share of the web requests (role web).'),
    ssh: headerSafe
      .min(1)
      .regex(/^[^-]/, 'should not begin with a dash')
      .optional()
      .describe(
        'OpenSSH destination (user@host or a name of your ssh config). Without it the host is a lab host.',
      ),
    interface: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,15}$/, 'should be the name of a network interface such as eth0 or ens3')
      .default('eth0')
      .describe('Network interface that has the address, and gets the floating ones.'),
  })
  .describe('A machine of the stack.');

const mode = z.enum(['active-passive', 'active-active']);

const rateLimit = z
  .strictObject({
    requestsPerSecond: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(200)
      .describe(
        'Requests per second and client address, averaged over 10 s, beyond which the answer is 429.',
      ),
    connectionsPerSecond: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(100)
      .describe('New connections per second and client address that the firewall lets in on public ports.'),
    connectionBurst: z.int().min(1).max(1_000_000).default(500).describe('New connections let in at once.'),
  })
  .prefault({})
  .describe('What one client address may take.');

const balancer = z
  .strictObject({
    mode: mode
      .default('active-passive')
      .describe('active-active takes one floating address per balancer host.'),
    advertMs: milliseconds(20, 1_000).default(100).describe('VRRP advertisement interval.'),
    connectTimeoutMs: milliseconds(50, 60_000)
      .default(500)
      .describe('Time for a web host to accept a connection, before the request is retried elsewhere.'),
    requestTimeoutMs: milliseconds(100, 600_000)
      .default(10_000)
      .describe('Time for a client to send its request head.'),
    serverTimeoutMs: milliseconds(100, 3_600_000).default(30_000).describe('Time for a web host to answer.'),
    checkMs: milliseconds(50, 60_000)
      .default(1_000)
      .describe('Health check interval while all is well; after a first sign of trouble it is 100 ms.'),
    maxConnections: z
      .int()
      .min(100)
      .max(1_000_000)
      .default(4_000)
      .describe('Client connections that one balancer serves at a time.'),
    retries: z
      .int()
      .min(0)
      .max(10)
      .default(3)
      .describe('How often a request that no web host has begun to answer is tried again.'),
    rateLimit,
  })
  .prefault({})
  .describe('HAProxy and keepalived on every host with the role balancer.');

const app = z
  .strictObject({
    directory: path.describe(
      'Directory of the application, relative to the stack file. The first `up` makes a release of it; from then on `tandem deploy` brings new ones.',
    ),
    command: z
      .array(z.string().regex(/^[^\0]+$/, 'should not be empty'))
      .min(1)
      .describe(
        'Program and arguments; it gets PORT (a socket path), TANDEM_HOST, DATABASE_URL (the SQL router of its host).',
      ),
    healthPath: z
      .string()
      .regex(/^\/[A-Za-z0-9._~%/?&=+:@,;-]*$/, 'should be a URL path such as /health')
      .default('/health')
      .describe('Answers 200 while the process can serve; asked by the balancers on every health check.'),
    environment: environment.default({}),
  })
  .describe('The application process.');

const web = z
  .strictObject({
    mode: mode
      .default('active-active')
      .describe(
        'active-active: weighted round robin. active-passive: the first web host serves, the next ones back it up.',
      ),
    instances: z.int().min(1).max(64).default(2).describe('Application processes per web host.'),
    static: path
      .optional()
      .describe('Directory of static files, relative to the stack file; it lies in app.directory.'),
    maxBodyBytes: z
      .int()
      .min(1_024)
      .max(1_073_741_824)
      .default(1_048_576)
      .describe('Largest request body; beyond it the answer is 413.'),
    app,
  })
  .describe('nginx and the application processes on every host with the role web.');

export const consistencyLevels = ['session', 'host', 'global', 'eventual'] as const;

export const routerSchema = z.strictObject({
  consistency: z
    .enum(consistencyLevels)
    .default('global')
    .describe(
      'What a read must see. session: what its own session wrote and read; host: what all sessions of the account wrote through the same host; global: every write acknowledged before the read began, by whichever host; eventual: any replica within maxLagMs.',
    ),
  maxLagMs: milliseconds(0, 3_600_000)
    .default(10_000)
    .describe('A replica further behind than this gets no reads.'),
  workers: z
    .int()
    .min(1)
    .max(8)
    .optional()
    .describe(
      "Processes of one web host's router that serve its clients; by default one for every two cores of the host, at least 1 and at most 8.",
    ),
  maxClientConnections: z
    .int()
    .min(1)
    .max(50_000)
    .default(10_000)
    .describe('Connections of applications per web host; beyond it a client gets error 1040.'),
  maxConnectionsPerMember: z
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe(
      'Connections of one router to one database host; by default what database.maxConnections leaves each web host, 20 kept for the agents and operators.',
    ),
  poolTimeoutMs: milliseconds(1, 600_000)
    .default(10_000)
    .describe('How long a statement waits for one of them to become free; then error 1040.'),
  bufferTimeoutMs: milliseconds(0, 600_000)
    .default(30_000)
    .describe(
      'How long a statement waits while there is no primary; then error 1053, and it was not executed.',
    ),
  bufferBytes: z
    .int()
    .min(65_536)
    .max(1_073_741_824)
    .default(67_108_864)
    .describe('Memory for statements that wait; beyond it they are refused at once.'),
  slowStatementMs: milliseconds(0, 3_600_000)
    .default(1_000)
    .describe("Statements that take so long are in the router's log, without their values; 0: none."),
  drainTimeoutMs: milliseconds(0, 300_000)
    .default(10_000)
    .describe(
      'How long a router that is to stop lets sessions finish transactions and other state; then it ends them.',
    ),
});

/** Names of database accounts; they become names of files. */
export const accountNamePattern = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

export const accountPrivileges = ['read', 'write', 'all'] as const;
export type AccountPrivileges = (typeof accountPrivileges)[number];

const account = z
  .strictObject({
    password: z
      .union([
        z.literal('generated'),
        z.strictObject({
          file: path.describe(
            'File with the password, relative to the stack file. Further lines are accepted too: for the time in which clients change over.',
          ),
        }),
      ])
      .describe("generated: made once, kept with the stack's secrets; or your file."),
    privileges: z
      .enum(accountPrivileges)
      .default('write')
      .describe(
        'What it may do in database.schema. read: look; write: also change rows, call routines, make temporary tables; all: also change definitions, as the account of the application.',
      ),
  })
  .describe('An account beside that of the application.');

const database = z
  .strictObject({
    schema: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'should be letters, digits and underscores')
      .default('app')
      .describe('Name of the database (schema) that the application uses.'),
    schemaFile: path.optional().describe('SQL run once on the primary when the database is created.'),
    sync: z
      .enum(['required', 'strict', 'async'])
      .default('required')
      .describe(
        'When a write is acknowledged. required: when a replica has it, and without one only after degradeAfterMs and with an alert; strict: never without a replica; async: at once, a failover may lose writes.',
      ),
    // Names are checked by a rule, as those of hosts are.
    accounts: z
      .record(z.string(), account)
      .meta({ propertyNames: { type: 'string', pattern: accountNamePattern.source } })
      .default({})
      .describe(
        'Accounts by name that the SQL routers answer for, beside that of the application. One that is no longer here is dropped.',
      ),
    router: routerSchema
      .prefault({})
      .describe(
        'The SQL router on every web host: the one database address of its applications, a unix socket. Writes go to the primary, reads to replicas, and a failover is a pause.',
      ),
    degradeAfterMs: milliseconds(500, 600_000)
      .default(5_000)
      .describe('How long writes wait for a lost replica before the primary goes on alone (sync required).'),
    failover: z
      .strictObject({
        stableAfterMs: milliseconds(1_000, 3_600_000)
          .default(60_000)
          .describe('Failovers that lie closer together than this count as flapping.'),
        free: z.int().min(1).max(100).default(2).describe('So many failovers in that time happen at once.'),
        holdMs: milliseconds(0, 3_600_000)
          .default(30_000)
          .describe('Each further one waits this much longer after the last; switchovers are never held.'),
      })
      .prefault({})
      .describe('Against failing over again and again when something comes and goes.'),
    switchover: z
      .strictObject({
        waitMs: milliseconds(0, 600_000)
          .default(10_000)
          .describe('How long a switchover waits for transactions that have written and are still open.'),
        atTimeout: z
          .enum(['give-up', 'end-transactions'])
          .default('give-up')
          .describe(
            'What it does about those that are open even then. give-up: nothing has changed; end-transactions: they are rolled back, and their clients get an error.',
          ),
      })
      .prefault({})
      .describe('Moving the primary on purpose. Queries that only read are not waited for: they go on.'),
    hooks: z
      .partialRecord(z.enum(hookNames), z.array(headerSafe.min(1)).min(1))
      .default({})
      .describe(
        'Commands that the agents of the database run, as root, with a JSON document on standard input: onPromote, onDemote, onDegrade (the primary goes on without a standby), onSync (it has one again), onErrant (unacknowledged transactions were saved), onClone. Nothing waits for them.',
      ),
    bufferPoolBytes: z
      .int()
      .min(5_242_880)
      .default(67_108_864)
      .describe("Memory for InnoDB's pages, per host."),
    maxConnections: z
      .int()
      .min(20)
      .max(10_000)
      .default(200)
      .describe('Client connections per database host.'),
    binlogExpireSeconds: z
      .int()
      .min(600)
      .default(604_800)
      .describe('Binlogs older than this are purged when no member needs them.'),
    binlogMaxBytes: z
      .int()
      .min(16_777_216)
      .default(1_073_741_824)
      .describe('Binlogs beyond this sum are purged when no member needs them.'),
    settings: z
      .record(
        z.string().regex(/^[a-z][a-z0-9_]*$/, 'should be a server variable such as innodb_io_capacity'),
        z.union([headerSafe, z.number(), z.boolean()]),
      )
      .default({})
      .describe("MariaDB server variables of your own; those that Tandem's guarantees rest on are refused."),
  })
  .prefault({})
  .describe('MariaDB on every host with the role database; the first of them creates the database.');

const quorum = z
  .strictObject({
    leaseMs: milliseconds(1_000, 60_000).default(1_000).describe("Lifetime of the database leader's lease."),
    quotaBytes: z
      .int()
      .min(67_108_864)
      .max(8_589_934_592)
      .default(268_435_456)
      .describe("Size of etcd's database beyond which it takes no more writes."),
  })
  .prefault({})
  .describe('The etcd members, on every host with the role quorum.');

const certificate = z.union([
  z.literal('internal'),
  z.strictObject({
    certificateFile: path.describe('PEM chain, relative to the stack file.'),
    keyFile: path.describe('PEM private key, relative to the stack file.'),
  }),
]);

const site = z
  .strictObject({
    addresses: z
      .array(ipv4)
      .min(1)
      .optional()
      .describe(
        'The floating address (active-active: one per balancer); by default .100 and up of the subnet.',
      ),
    domain: z
      .string()
      .max(253)
      .regex(
        /^(?=.*[a-z])[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i,
        'should be a domain name such as www.example.org',
      )
      .optional()
      .describe('Name in the public certificate; by default STACK.internal.'),
    certificate: certificate
      .default('internal')
      .describe(
        "internal: issued by the stack's own authority (its caFile is in `tandem status`); or your files.",
      ),
    httpPort: port.default(80).describe('Redirects to HTTPS.'),
    httpsPort: port.default(443).describe('The site.'),
  })
  .prefault({})
  .describe('What browsers see.');

const network = z
  .strictObject({
    subnet: cidr.default('10.77.0.0/24').describe('The network that hosts and floating address are in.'),
    operators: z
      .array(addressOrCidr)
      .optional()
      .describe("Addresses that may reach SSH and the agents' API; in a lab this machine always may."),
    egress: z
      .enum(['allow', 'deny'])
      .default('deny')
      .describe('Whether hosts may open connections to anywhere beyond the flows of the stack.'),
  })
  .prefault({})
  .describe('Addresses, and who may reach the hosts.');

const ssh = z
  .strictObject({
    configFile: path
      .optional()
      .describe('OpenSSH client configuration to use instead of your own, relative to the stack file.'),
    port: port
      .default(22)
      .describe('Port on which the hosts run sshd: the firewall opens it to network.operators.'),
  })
  .prefault({})
  .describe('How hosts with `ssh` are reached: by the OpenSSH client of this machine, as you configured it.');

const receiverUrl = z
  .string()
  .regex(
    /^https?:\/\/[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:\/[^\s"'\\]*)?$/,
    'should be a URL such as https://alerts.example.org/hook',
  )
  .meta({ title: 'an HTTP URL' });
const mailbox = z
  .string()
  .regex(/^[^\s@,<>"]+@[^\s@,<>"]+$/, 'should be an address such as ops@example.org')
  .meta({ title: 'an e-mail address' });

const webhook = z.strictObject({
  url: receiverUrl.describe('Gets a POST for each group of alerts, also when they resolve.'),
  bearerTokenFile: path
    .optional()
    .describe('File with a token for the header Authorization, relative to the stack file.'),
});

const email = z.strictObject({
  to: z.array(mailbox).min(1).describe('Who gets the mails.'),
  from: mailbox.describe('Sender of the mails.'),
  smtp: z
    .string()
    .regex(/^[A-Za-z0-9.-]+:[0-9]{1,5}$/, 'should be HOST:PORT such as mail.example.org:587')
    .describe('The mail server, HOST:PORT.'),
  tls: z
    .boolean()
    .default(true)
    .describe('Whether the mail server must offer TLS (STARTTLS; port 465: from the beginning).'),
  username: headerSafe.min(1).optional().describe('Account at the mail server.'),
  passwordFile: path.optional().describe('File with its password, relative to the stack file.'),
});

const thresholds = z
  .strictObject({
    lagSeconds: z.int().min(1).max(86_400).default(30).describe('A replica further behind than this.'),
    certificateDays: z
      .int()
      .min(1)
      .max(365)
      .default(21)
      .describe('A certificate that ends within so many days.'),
    diskPercent: z.int().min(10).max(99).default(85).describe('A file system that is fuller than this.'),
    memoryPercent: z.int().min(10).max(99).default(92).describe('A host with more of its memory in use.'),
    cpuPercent: z
      .int()
      .min(10)
      .max(100)
      .default(90)
      .describe('A host whose processors were busier than this for ten minutes.'),
    errorPercent: z
      .number()
      .min(0.01)
      .max(100)
      .default(2)
      .describe('More of the requests than this answered with 5xx for two minutes.'),
  })
  .prefault({})
  .describe('From where on an alert fires.');

const alerts = z
  .strictObject({
    webhooks: z.array(webhook).max(10).default([]).describe('Receivers by HTTP, as Alertmanager sends it.'),
    email: email.optional().describe('Receivers by e-mail.'),
    gatherSeconds: z
      .int()
      .min(10)
      .max(3_600)
      .default(60)
      .describe(
        'What happens within so many seconds comes in one message; nobody gets more than one in this time.',
      ),
    repeatHours: z
      .int()
      .min(1)
      .max(168)
      .default(12)
      .describe('An alert that goes on is told again after so many hours.'),
    thresholds,
  })
  .prefault({})
  .describe('Who is told, and from where on. Without a receiver, alerts are shown but sent to nobody.');

const monitoring = z
  .union([
    z.literal(false),
    z.strictObject({
      hosts: z
        .array(z.string())
        .min(1)
        .max(2)
        .optional()
        .describe(
          'Hosts with Prometheus and Alertmanager, each of which watches everything; by default the first two, balancers without a database first.',
        ),
      scrapeSeconds: z.int().min(5).max(60).default(15).describe('How often every figure is read.'),
      retentionDays: z.int().min(1).max(3_650).default(31).describe('How long figures are kept.'),
      retentionBytes: z
        .int()
        .min(67_108_864)
        .default(4_294_967_296)
        .describe('Disk that they may take on each of the two hosts; beyond it the oldest go.'),
      alerts,
    }),
  ])
  .prefault({})
  .describe('Prometheus, Alertmanager and exporters on the hosts; false: none of it.');
export const operatorRoles = ['viewer', 'operator', 'admin'] as const;
export type OperatorRole = (typeof operatorRoles)[number];

const dashboard = z
  .strictObject({
    operators: z
      .array(
        z.strictObject({
          name: z
            .string()
            .regex(
              /^[a-z][a-z0-9._-]{0,31}$/,
              'should be 1 to 32 lower-case letters, digits, dots, dashes and underscores, starting with a letter',
            )
            .describe(
              'What the operator logs in as; passwords are made by `up` and `tandem dashboard passwd`.',
            ),
          role: z
            .enum(operatorRoles)
            .default('viewer')
            .describe('viewer: sees everything; operator: also acts; admin: also breaks things in a lab.'),
        }),
      )
      .min(1)
      .max(100)
      .default([{ name: 'admin', role: 'admin' }])
      .describe('Who may log in to the dashboard.'),
    idleMs: milliseconds(60_000, 86_400_000)
      .default(1_800_000)
      .describe('A session that does nothing for so long ends.'),
    sessionMs: milliseconds(60_000, 604_800_000)
      .default(43_200_000)
      .describe('A session ends after this time whatever it does.'),
  })
  .prefault({})
  .describe('The live dashboard, on every host with the role balancer, for `network.operators`.');

export const stackSchema = z.strictObject({
  stack: name.describe('Name of the stack.'),
  ssh,
  network,
  site,
  // Names are checked by a rule: a key schema would leave what a badly named host says unchecked.
  hosts: z
    .record(z.string(), host)
    .meta({ propertyNames: { type: 'string', pattern: namePattern.source } })
    .describe('The hosts by name, in order of preference.'),
  balancer,
  web,
  database,
  quorum,
  monitoring,
  dashboard,
});

/** What a user writes: only `stack`, `hosts` and `web.app` are required. */
export type StackFile = z.input<typeof stackSchema>;
/** The stack file with all defaults filled in, as the schema gives it. */
export type ParsedStack = z.output<typeof stackSchema>;
export type Role = (typeof roles)[number];
