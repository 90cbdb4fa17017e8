/** `dashboard`. */
import { z } from 'zod';
import { milliseconds } from './values.ts';

export const operatorRoles = ['viewer', 'operator', 'admin'] as const;
export type OperatorRole = (typeof operatorRoles)[number];

export const dashboard = z
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
