/** Hash functions, given as values: this package does no I/O and takes its cryptography from its caller. */
export interface Digests {
  /** 20 bytes. */
  readonly sha1: (data: Buffer) => Buffer;
  /** 32 bytes. */
  readonly sha256: (data: Buffer) => Buffer;
  /** 64 bytes. */
  readonly sha512: (data: Buffer) => Buffer;
  /** Whether both have the same bytes, in a time that doesn't tell where they differ. */
  readonly equal: (a: Buffer, b: Buffer) => boolean;
}

export function xor(a: Buffer, b: Buffer): Buffer {
  const result = Buffer.allocUnsafe(a.length);
  for (let index = 0; index < a.length; index++)
    result[index] = (a[index] as number) ^ (b[index % b.length] as number);
  return result;
}
