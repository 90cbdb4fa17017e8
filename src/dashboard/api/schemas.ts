/** Shapes of the dashboard's HTTP API, version 1: the server checks by them, the page is typed by them, OpenAPI is made of them. */
import { z } from 'zod';

const atMs = z.number().describe('Milliseconds since the Unix epoch.');
const hostName = z.string().regex(/^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$/, 'should be the name of a host');
const serviceName = z.string().regex(/^[a-z0-9-]{1,64}$/, 'should be the name of a service');
const perSecond = z.number().nullable().describe('Null while it is not known.');

export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

export const problemSchema = z
  .object({ type: z.string(), title: z.string(), status: z.number(), detail: z.string() })
  .describe('RFC 9457.');

export const loginSchema = z.strictObject({
  name: z.string().min(1).max(64),
  password: z.string().min(1).max(256),
});

export const sessionSchema = z.object({
  name: z.string(),
  role: z.enum(roles),
  via: z.enum(['session', 'token', 'certificate']),
  stack: z.string(),
  lab: z.boolean(),
  csrf: z.string().nullable().describe('To be sent as x-tandem-csrf with every request of this session.'),
  untilMs: atMs.nullable().describe('When the session ends at the latest.'),
});
export type Session = z.output<typeof sessionSchema>;

const serviceSchema = z.object({
  name: z.string(),
  state: z.enum(['running', 'starting', 'stopped', 'failed', 'crash-loop', 'done']),
  sinceMs: atMs,
  restarts: z.number(),
  reason: z.string().nullable(),
});

const faultSchema = z.object({
  kind: z.enum(['freeze', 'cut-off']),
  service: z.string().nullable(),
  untilMs: atMs,
});

const hostSchema = z.object({
  name: z.string(),
  address: z.string(),
  roles: z.array(z.string()),
  reachable: z.boolean().describe('Its agent answers.'),
  services: z.array(serviceSchema),
  load: z.number().nullable().describe('One-minute load average per core.'),
  memoryUsed: z.number().nullable().describe('Share, 0 to 1.'),
  diskUsed: z.number().nullable().describe('Share, 0 to 1.'),
  warnings: z.array(z.string()),
  faults: z.array(faultSchema).describe('Faults of a lab that an operator tries now.'),
});

const balancerSchema = z.object({
  host: z.string(),
  state: z.enum(['active', 'passive', 'down']),
  addresses: z.array(z.string()).describe('Floating addresses that it holds.'),
  connections: z.number().nullable(),
});

const webSchema = z.object({
  host: z.string(),
  state: z.enum(['up', 'down', 'draining', 'maintenance', 'unknown']),
  weight: z.number().nullable(),
  configuredWeight: z.number().nullable(),
  requestsPerSecond: perSecond,
  latencyMs: z.number().nullable(),
});

const memberSchema = z.object({
  host: z.string(),
  role: z.enum(['primary', 'replica', 'down', 'unknown']),
  sync: z.boolean(),
  following: z.string().nullable(),
  lagSeconds: z.number().nullable(),
  position: z.string().nullable(),
  problem: z.string().nullable(),
  explanation: z.string().nullable().describe('What its agent sees and does, with the number of the rule.'),
});

export const stateSchema = z.object({
  stack: z.string(),
  atMs,
  servedBy: z.string().describe('The balancer whose dashboard answers.'),
  healthy: z.boolean(),
  problems: z.array(z.string()),
  site: z.object({
    url: z.string(),
    addresses: z.array(z.object({ address: z.string(), holders: z.array(z.string()) })),
    requestsPerSecond: perSecond,
    errorsPerSecond: perSecond,
  }),
  hosts: z.array(hostSchema),
  balancers: z.array(balancerSchema),
  web: z.array(webSchema),
  database: z.object({
    primary: z.string().nullable(),
    epoch: z.number().nullable(),
    sinceMs: atMs.nullable(),
    quorum: z
      .boolean()
      .describe('etcd is being followed; without it what is shown of the database may be old.'),
    maintenance: z.object({ by: z.string(), sinceMs: atMs }).nullable(),
    switchover: z.object({ to: z.string() }).nullable(),
    members: z.array(memberSchema),
    failover: z.object({ possible: z.boolean(), reason: z.string() }),
  }),
  flows: z.array(
    z.object({
      from: z.string(),
      to: z.string(),
      kind: z.enum(['requests', 'statements', 'replication']),
      perSecond,
    }),
  ),
});
export type StackState = z.output<typeof stateSchema>;

export const storySchema = z.object({
  epochs: z.array(
    z.object({
      epoch: z.number(),
      holder: z.string(),
      atMs,
      rule: z.number(),
      sentence: z.string(),
    }),
  ),
  steps: z
    .array(
      z.object({
        host: z.string(),
        atMs,
        rule: z.number(),
        sentence: z.string(),
        effects: z.array(z.string()),
      }),
    )
    .describe('What the agents decided and did lately, oldest first.'),
  now: z.object({ possible: z.boolean(), reason: z.string() }).describe('Would a failover succeed now?'),
});
export type Story = z.output<typeof storySchema>;

export const sqlSchema = z.object({
  statements: z.array(
    z.object({
      shape: z.string(),
      totalMs: z.number(),
      atMostTooMuchMs: z.number(),
      statements: z.number(),
      longestMs: z.number(),
      hosts: z.array(z.string()).describe('Web hosts whose router saw it.'),
      went: z
        .array(z.object({ member: z.string(), reason: z.string(), statements: z.number() }))
        .describe('Where its statements went and why, estimated from samples, most first.'),
      goesTo: z.string().nullable().describe('Where the router would send it now.'),
      because: z.string().nullable(),
    }),
  ),
  routed: z.array(z.object({ slot: z.string(), reason: z.string(), count: z.number() })),
  silent: z.array(z.string()).describe('Web hosts whose router did not answer.'),
});
export type SqlView = z.output<typeof sqlSchema>;

export const maxRangeMs = 32 * 86_400_000;
export const maxPoints = 2_000;

export const rangeSchema = z
  .strictObject({
    from: z.coerce.number().int().min(0).describe('Milliseconds since the Unix epoch.'),
    to: z.coerce.number().int().min(0),
    points: z.coerce
      .number()
      .int()
      .min(10)
      .max(maxPoints)
      .default(300)
      .describe('At most so many per series.'),
  })
  .refine(({ from, to }) => from < to, { path: ['from'], error: 'should be before `to`' })
  .refine(({ from, to }) => to - from <= maxRangeMs, {
    path: ['to'],
    error: 'should be at most 32 days after `from`',
  });
export type Range = z.output<typeof rangeSchema>;

export const metricsSchema = z.object({
  source: z.enum(['memory', 'prometheus']),
  stepMs: z.number(),
  /** Common to all series. */
  times: z.array(atMs),
  series: z.array(
    z.object({
      name: z.string(),
      label: z.string().describe('Host, member, or empty.'),
      unit: z.enum(['perSecond', 'ms', 'seconds', 'share', 'count']),
      values: z.array(z.number().nullable()),
    }),
  ),
  marks: z.array(z.object({ atMs, kind: z.enum(['failover', 'deploy', 'act', 'alert']), text: z.string() })),
});
export type Metrics = z.output<typeof metricsSchema>;

export const actRecordSchema = z.object({
  atMs,
  who: z.string(),
  via: z.string(),
  address: z.string(),
  act: z.string(),
  details: z.string(),
  outcome: z.enum(['done', 'refused']),
  message: z.string(),
});
export type ActRecord = z.output<typeof actRecordSchema>;
export const actListSchema = z.object({ acts: z.array(actRecordSchema) });

export const blocklistSchema = z.object({
  entries: z.array(
    z.object({ address: z.string(), untilMs: atMs.nullable(), reason: z.string(), by: z.string() }),
  ),
});
export type BlockEntries = z.output<typeof blocklistSchema>['entries'];

const address = z
  .string()
  .min(2)
  .max(64)
  .regex(/^[0-9a-fA-F:./]+$/, 'should be an address or a network');
export const actSchemas = {
  switchover: z.strictObject({ to: hostName.optional() }),
  maintenance: z.strictObject({ on: z.boolean() }),
  traffic: z.strictObject({
    host: hostName,
    drain: z.boolean().optional(),
    weight: z.int().min(0).max(256).nullable().optional().describe("Null: the stack file's."),
  }),
  block: z.strictObject({
    address,
    forMs: z.int().min(1_000).max(31_536_000_000).nullable().describe('Null: until it is unblocked.'),
    reason: z.string().max(200).default(''),
  }),
  unblock: z.strictObject({ address }),
  fault: z
    .strictObject({
      host: hostName,
      kind: z.enum(['kill', 'freeze', 'cut-off', 'heal']),
      service: serviceName.optional(),
      forMs: z.int().min(1_000).max(120_000).optional(),
    })
    .describe('Only in a lab, only for administrators.'),
} as const;
export type ActName = keyof typeof actSchemas;

export const actResultSchema = z.object({ message: z.string() });

/** One of the stream's messages: `event:` is its kind, `data:` this as JSON. */
export const noteSchema = z.object({ atMs, text: z.string() });
export type Note = z.output<typeof noteSchema>;
