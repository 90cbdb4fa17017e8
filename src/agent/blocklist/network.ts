/** IPv4 and IPv6 addresses and networks as bits; pure. */
import { isIP } from 'node:net';

export interface Network {
  readonly family: 4 | 6;
  /** First address, as an unsigned number. */
  readonly bits: bigint;
  readonly prefixLength: number;
  /** Canonical: `203.0.113.5`, `203.0.113.0/24`, `2001:db8::/32`. */
  readonly text: string;
}

/** Undefined when the text is neither an address nor a network. Host bits of a network are cleared. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', length, ...rest] = text.trim().split('/');
  const family = isIP(address);
  if ((family !== 4 && family !== 6) || rest.length > 0 || address.includes('%')) return undefined;
  const width = family === 4 ? 32 : 128;
  if (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const prefixLength = length === undefined ? width : Number(length);
  if (prefixLength > width) return undefined;
  const mapped = family === 6 ? mappedIpv4(address) : undefined;
  if (mapped !== undefined && prefixLength >= 96) return parseNetwork(`${mapped}/${prefixLength - 96}`);
  const value = family === 4 ? ipv4Bits(address) : ipv6Bits(address);
  const shift = BigInt(width - prefixLength);
  const bits = (value >> shift) << shift;
  const base = family === 4 ? ipv4Text(bits) : ipv6Text(bits);
  return { family, bits, prefixLength, text: prefixLength === width ? base : `${base}/${prefixLength}` };
}

export function overlaps(left: Network, right: Network): boolean {
  if (left.family !== right.family) return false;
  const shift = BigInt((left.family === 4 ? 32 : 128) - Math.min(left.prefixLength, right.prefixLength));
  return left.bits >> shift === right.bits >> shift;
}

function ipv4Bits(text: string): bigint {
  return text.split('.').reduce((sum, part) => (sum << 8n) + BigInt(part), 0n);
}

function ipv4Text(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 255n)).join('.');
}

/** The URL parser knows every way to write an IPv6 address, and one to print it. */
function ipv6Bits(text: string): bigint {
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const left = groups(head);
  const right = groups(tail ?? '');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}

function ipv6Text(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((bits >> BigInt(112 - index * 16)) & 0xffffn).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

function mappedIpv4(text: string): string | undefined {
  const bits = ipv6Bits(text);
  return bits >> 32n === 0xffffn ? ipv4Text(bits & 0xffffffffn) : undefined;
}
