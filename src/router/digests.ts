/** The hash functions that authentication needs, from node:crypto. */
import { hash, timingSafeEqual } from 'node:crypto';
import type { Digests } from '#src/mysql-wire/digests.ts';

export const digests: Digests = {
  sha1: (data) => hash('sha1', data, 'buffer'),
  sha256: (data) => hash('sha256', data, 'buffer'),
  sha512: (data) => hash('sha512', data, 'buffer'),
  equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
};
