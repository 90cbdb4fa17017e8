/**
 * Operators' passwords: hashed with Argon2id (RFC 9106) at OWASP's least memory cost, written in the PHC string format. A
 * hash takes some tens of milliseconds and 19 MiB.
 */
import { type Argon2Parameters, argon2, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

const memoryKiB = 19_456;
const passes = 2;
const tagLength = 32;

/** Letters and digits that are hard to mistake for one another. */
const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789';

/** 20 characters of 31: 99 bits, in groups that can be typed. */
export function generatePassword(): string {
  const group = () => Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]).join('');
  return [group(), group(), group(), group()].join('-');
}

export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16);
  const tag = await derive({
    message: password,
    nonce,
    parallelism: 1,
    tagLength,
    memory: memoryKiB,
    passes,
  });
  return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=1$${unpadded(nonce)}$${unpadded(tag)}`;
}

const format =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{16,64})\$([A-Za-z0-9+/]{32,96})$/;

/** False also for a hash that can't be read: nobody gets in by it. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const match = format.exec(hash);
  if (match === null) return false;
  const [, memory, time, parallelism, nonce = '', tag = ''] = match;
  const wanted = Buffer.from(tag, 'base64');
  const seen = await derive({
    message: password,
    nonce: Buffer.from(nonce, 'base64'),
    parallelism: Number(parallelism),
    tagLength: wanted.length,
    memory: Number(memory),
    passes: Number(time),
  });
  return timingSafeEqual(seen, wanted);
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}

function derive(parameters: Argon2Parameters): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}
