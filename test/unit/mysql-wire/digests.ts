import { createHash } from 'node:crypto';
import type { Digests } from '#src/mysql-wire/digests.ts';

const hash = (algorithm: string) => (data: Buffer) => createHash(algorithm).update(data).digest();

export const digests: Digests = {
  sha1: hash('sha1'),
  sha256: hash('sha256'),
  sha512: hash('sha512'),
  equal: (a, b) => a.equals(b),
};
