/** `balancer`: HAProxy and keepalived. */
import { z } from 'zod';
import { milliseconds } from './values.ts';

export const mode = z.enum(['active-passive', 'active-active']);

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

export const balancer = z
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
