/** `database.router`: the SQL router. */
import { z } from 'zod';
import { milliseconds } from './values.ts';

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
