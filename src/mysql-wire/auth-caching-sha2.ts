/**
 * caching_sha2_password of MySQL 8: SHA256(password) XOR SHA256(SHA256(SHA256(password)) + scramble), answered at once
 * ("fast"), or the password itself over a secure channel ("full").
 * @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
 */
import { type Digests, xor } from './digests.ts';

export const cachingSha2 = 'caching_sha2_password';

/** Second byte of the server's AuthMoreData packet. */
export const cachingSha2Step = { fastSuccess: 3, fullAuthentication: 4 } as const;

export function cachingSha2Answer(digests: Digests, password: string, scramble: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const stage1 = digests.sha256(Buffer.from(password));
  return xor(stage1, digests.sha256(Buffer.concat([digests.sha256(stage1), scramble])));
}

export function cachingSha2Proves(
  digests: Digests,
  password: string,
  scramble: Buffer,
  answer: Buffer,
): boolean {
  return digests.equal(cachingSha2Answer(digests, password, scramble), answer);
}
