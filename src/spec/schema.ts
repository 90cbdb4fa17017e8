/**
 * The stack file's schema: the single source of its types, defaults, error messages, JSON Schema and reference page.
 * Checks that need more than one key (addresses, quorum, roles) are in `rules.ts`.
 */
import { z } from 'zod';
import { isCidr, isIpv4 } from '#src/std/ipv4.ts';

const name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,19}$/,
    'should be 1 to 20 lower-case letters, digits and dashes, starting with a letter',
  );

const ipv4 = z.string().refine(isIpv4, 'should be an IPv4 address such as 10.77.0.11');
const cidr = z.string().refine(isCidr, 'should be an IPv4 network such as 10.77.0.0/24');
const addressOrCidr = z
  .string()
  .refine((value) => isIpv4(value) || isCidr(value), 'should be an IPv4 address or network');
const port = z.int().min(1).max(65_535);
const milliseconds = (least: number, most: number) => z.int().min(least).max(most);
const headerSafe = z.string().regex(/^[^\0\r\n]*$/, 'should be one line');
const environment = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'should be an environment variable name'), headerSafe)
  .describe('Environment variables; no secrets: the file is not a secret.');

export const roles = ['balancer', 'web', 'database', 'quorum'] as const;

const host = z
  .strictObject({
    roles: z.array(z.enum(roles)).min(1).describe('What the host does; roles are free to combine.'),
    address: ipv4
      .optional()
      .describe("The host's address; by default the next free one of `network.subnet`."),
    weight: z.int().min(0).max(256).default(1).describe('Share of the web requests (role web).'),
    ssh: z
      .string()
      .optional()
      .describe(
        'OpenSSH destination (user@host or a name of your ssh config). Without it the host is a lab host.',
      ),
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
  .prefault({});

const balancer = z
  .strictObject({
    mode: mode
      .default('active-passive')
      .describe('active-active takes one floating address per balancer host.'),
    advertMs: milliseconds(20, 1_000).default(100).describe('VRRP advertisement interval.'),
    connectTimeoutMs: milliseconds(50, 60_000).default(500),
    requestTimeoutMs: milliseconds(100, 600_000)
      .default(10_000)
      .describe('Time for a client to send its request head.'),
    serverTimeoutMs: milliseconds(100, 3_600_000).default(30_000).describe('Time for a web host to answer.'),
    checkMs: milliseconds(50, 60_000).default(250).describe('Health check interval.'),
    maxConnections: z.int().min(100).max(1_000_000).default(4_000),
    retries: z.int().min(0).max(10).default(3),
    rateLimit,
  })
  .prefault({});

const app = z
  .strictObject({
    directory: z.string().min(1).describe('Directory of the application, relative to the stack file.'),
    command: z
      .array(z.string().min(1))
      .min(1)
      .describe(
        'Program and arguments; it gets PORT (a socket path), TANDEM_HOST, DATABASE_URL, DATABASE_READ_URL.',
      ),
    healthPath: z.string().startsWith('/').default('/health'),
    environment: environment.default({}),
  })
  .describe('The application process.');

const web = z.strictObject({
  mode: mode
    .default('active-active')
    .describe(
      'active-active: weighted round robin. active-passive: the first web host serves, the next ones back it up.',
    ),
  instances: z.int().min(1).max(64).default(2).describe('Application processes per web host.'),
  static: z.string().optional().describe('Directory of static files, relative to the stack file.'),
  maxBodyBytes: z.int().min(1_024).max(1_073_741_824).default(1_048_576),
  app,
});

const database = z
  .strictObject({
    schema: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/, 'should be letters, digits and underscores')
      .default('app')
      .describe('Name of the database (schema) that the application uses.'),
    schemaFile: z.string().optional().describe('SQL run once on the primary when the database is created.'),
    sync: z.enum(['required', 'strict', 'async']).default('required'),
    degradeAfterMs: milliseconds(500, 600_000).default(5_000),
    bufferPoolBytes: z.int().min(5_242_880).default(67_108_864),
    maxConnections: z.int().min(20).max(10_000).default(200),
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
      .record(z.string().regex(/^[a-z][a-z0-9_]*$/), z.union([z.string(), z.number(), z.boolean()]))
      .default({})
      .describe("MariaDB server variables of your own; those that Tandem's guarantees rest on are refused."),
  })
  .prefault({});

const quorum = z
  .strictObject({
    leaseMs: milliseconds(1_000, 60_000).default(2_000).describe("Lifetime of the database leader's lease."),
  })
  .prefault({});

const certificate = z.union([
  z.literal('internal'),
  z.strictObject({
    certificateFile: z.string().min(1).describe('PEM chain, relative to the stack file.'),
    keyFile: z.string().min(1).describe('PEM private key, relative to the stack file.'),
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
      .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i, 'should be a domain name')
      .optional()
      .describe('Name in the public certificate; by default STACK.internal.'),
    certificate: certificate.default('internal'),
    httpPort: port.default(80),
    httpsPort: port.default(443),
  })
  .prefault({});

const network = z
  .strictObject({
    subnet: cidr.default('10.77.0.0/24').describe('The network that hosts and floating address are in.'),
    operators: z
      .array(addressOrCidr)
      .optional()
      .describe("Addresses that may reach SSH and the agents' API; by default this machine only."),
    egress: z
      .enum(['allow', 'deny'])
      .default('deny')
      .describe('Whether hosts may open connections to anywhere beyond the flows of the stack.'),
  })
  .prefault({});

export const stackSchema = z.strictObject({
  stack: name.describe('Name of the stack.'),
  network,
  site,
  hosts: z.record(name, host).describe('The hosts by name, in order of preference.'),
  balancer,
  web,
  database,
  quorum,
});

/** What a user writes: only `stack`, `hosts` and `web.app` are required. */
export type StackFile = z.input<typeof stackSchema>;
/** The stack file with all defaults filled in, as the schema gives it. */
export type ParsedStack = z.output<typeof stackSchema>;
export type Role = (typeof roles)[number];
