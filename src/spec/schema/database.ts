/** `database` and `quorum`: MariaDB, its failover, and etcd. */
import { z } from 'zod';
import { routerSchema } from './router.ts';
import { headerSafe, milliseconds, path } from './values.ts';

/** Occasions on which an agent of the database runs a command of the operator's. */
export const hookNames = ['onPromote', 'onDemote', 'onDegrade', 'onSync', 'onErrant', 'onClone'] as const;
export type HookName = (typeof hookNames)[number];

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

export const database = z
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

export const quorum = z
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
