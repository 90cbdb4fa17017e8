/** `network` and `site`: addresses, who may come in, and the site's certificate. */
import { z } from 'zod';
import { addressOrCidr, cidr, ipv4, path, port } from './values.ts';

const certificate = z.union([
  z.literal('internal'),
  z.strictObject({
    certificateFile: path.describe('PEM chain, relative to the stack file.'),
    keyFile: path.describe('PEM private key, relative to the stack file.'),
  }),
]);

export const site = z
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

export const network = z
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
