/**
 * mysql_native_password: SHA1(password) XOR SHA1(scramble + SHA1(SHA1(password))).
 * @see https://mariadb.com/kb/en/authentication-plugin-mysql_native_password/
 */
import { type Digests, xor } from './digests.ts';

export const nativePassword = 'mysql_native_password';

/** The client's answer; empty for the empty password. */
export function nativeAnswer(digests: Digests, password: string, scramble: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const stage1 = digests.sha1(Buffer.from(password));
  return xor(stage1, digests.sha1(Buffer.concat([scramble, digests.sha1(stage1)])));
}

/** Whether the answer proves that the client knows the password. */
export function nativeProves(digests: Digests, password: string, scramble: Buffer, answer: Buffer): boolean {
  return digests.equal(nativeAnswer(digests, password, scramble), answer);
}
