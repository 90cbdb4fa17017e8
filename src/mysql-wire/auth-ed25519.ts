/**
 * client_ed25519 of MariaDB: an Ed25519 signature of the scramble, whose secret scalar is SHA-512 of the password
 * itself instead of a 32-byte seed. That is why node:crypto can't make it: its keys are seeds.
 * @see https://mariadb.com/kb/en/authentication-plugin-ed25519/
 * @see https://datatracker.ietf.org/doc/html/rfc8032#section-5.1
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import type { Digests } from './digests.ts';

export const ed25519Plugin = 'client_ed25519';
export const ed25519ScrambleBytes = 32;

const order = ed25519.Point.Fn.ORDER;

interface Secret {
  readonly scalar: bigint;
  readonly prefix: Buffer;
  readonly publicKey: Uint8Array;
}

function secretOf(digests: Digests, password: string): Secret {
  const hash = digests.sha512(Buffer.from(password));
  const scalarBytes = Buffer.from(hash.subarray(0, 32));
  scalarBytes[0] = (scalarBytes[0] as number) & 248;
  scalarBytes[31] = ((scalarBytes[31] as number) & 63) | 64;
  const scalar = littleEndian(scalarBytes) % order;
  return {
    scalar,
    prefix: hash.subarray(32),
    publicKey: ed25519.Point.BASE.multiply(scalar).toBytes(),
  };
}

/** 64 bytes of signature. */
export function ed25519Answer(digests: Digests, password: string, scramble: Buffer): Buffer {
  const { scalar, prefix, publicKey } = secretOf(digests, password);
  const nonce = littleEndian(digests.sha512(Buffer.concat([prefix, scramble]))) % order;
  const commitment = ed25519.Point.BASE.multiply(nonce).toBytes();
  const challenge = littleEndian(digests.sha512(Buffer.concat([commitment, publicKey, scramble]))) % order;
  const response = (nonce + challenge * scalar) % order;
  const signature = Buffer.alloc(64);
  signature.set(commitment, 0);
  writeLittleEndian(signature, 32, response);
  return signature;
}

export function ed25519Proves(digests: Digests, password: string, scramble: Buffer, answer: Buffer): boolean {
  if (answer.length !== 64) return false;
  try {
    return ed25519.verify(answer, scramble, secretOf(digests, password).publicKey);
  } catch {
    return false; // Not a point of the curve.
  }
}

function littleEndian(bytes: Buffer): bigint {
  let value = 0n;
  for (let index = bytes.length - 1; index >= 0; index--)
    value = (value << 8n) | BigInt(bytes[index] as number);
  return value;
}

function writeLittleEndian(target: Buffer, at: number, value: bigint): void {
  let left = value;
  for (let index = 0; index < 32; index++) {
    target[at + index] = Number(left & 0xffn);
    left >>= 8n;
  }
}
