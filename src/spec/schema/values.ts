/** Values that several sections of the stack file have. */
import { z } from 'zod';
import { isCidr, isIpv4, networkAround } from '#src/std/ipv4.ts';

/** Names of stacks and hosts become host names, certificate names and names of network namespaces. */
export const namePattern = /^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$/;
export const nameText =
  'should be 1 to 20 lower-case letters, digits and dashes, starting with a letter and not ending with a dash';

/** The name that a text comes nearest to; undefined when nothing of it can stand in one. */
export function nearestName(text: string): string | undefined {
  const near = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 20)
    .replace(/-+$/, '');
  return namePattern.test(near) ? near : undefined;
}

export const name = z.string().regex(namePattern, nameText);
export const ipv4 = z
  .string()
  .refine(isIpv4, 'should be an IPv4 address such as 10.77.0.11')
  .meta({ title: 'an IPv4 address' });
export const cidr = z
  .string()
  .refine(isCidr, {
    error: ({ input }) => networkText(String(input), 'an IPv4 network such as 10.77.0.0/24'),
  })
  .meta({ title: 'an IPv4 network' });
export const addressOrCidr = z
  .string()
  .refine((value) => isIpv4(value) || isCidr(value), {
    error: ({ input }) => networkText(String(input), 'an IPv4 address or network'),
  })
  .meta({ title: 'an IPv4 address or network' });
export const port = z.int().min(1).max(65_535);
export const milliseconds = (least: number, most: number) => z.int().min(least).max(most);
export const path = z
  .string()
  .regex(/^[^\0\r\n]+$/, 'should be a path on one line')
  .meta({ title: 'a path' });

export const headerSafe = z.string().regex(/^[^\0\r\n]*$/, 'should be one line');
export const environment = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'should be an environment variable name'), headerSafe)
  .describe('Environment variables; no secrets: the file is not a secret.');

/** 10.77.0.5/24 is a common slip: then the network that it lies in is named. */
function networkText(value: string, wanted: string): string {
  const [address = '', length = ''] = value.split('/');
  const slip = isIpv4(address) && /^(?:[0-9]|[12][0-9]|3[0-2])$/.test(length);
  return slip ? `should be a network: the one of ${value} is ${networkAround(value)}` : `should be ${wanted}`;
}
