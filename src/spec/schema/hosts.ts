/** `hosts` and `ssh`: what each host is for, and how it is reached. */
import { z } from 'zod';
import { headerSafe, ipv4, path, port } from './values.ts';

export const roles = ['balancer', 'web', 'database', 'quorum'] as const;

export const host = z
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

export type Role = (typeof roles)[number];

export const ssh = z
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
