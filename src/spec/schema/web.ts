/** `web`: nginx and the application. */
import { z } from 'zod';
import { mode } from './balancer.ts';
import { environment, path } from './values.ts';

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

export const web = z
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
