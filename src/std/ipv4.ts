/** IPv4 addresses and networks as text and as unsigned 32-bit numbers. */

const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])';
const addressPattern = new RegExp(`^${octet}(?:\\.${octet}){3}$`);

export function isIpv4(text: string): boolean {
  return addressPattern.test(text);
}

export function isCidr(text: string): boolean {
  const [address, length, ...rest] = text.split('/');
  if (address === undefined || length === undefined || rest.length > 0 || !isIpv4(address)) return false;
  if (!/^(?:[0-9]|[12][0-9]|3[0-2])$/.test(length)) return false;
  return ipv4ToNumber(address) === networkOf(ipv4ToNumber(address), Number(length));
}

/** `text` must satisfy `isIpv4`. */
export function ipv4ToNumber(text: string): number {
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function numberToIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

function networkOf(address: number, length: number): number {
  return length === 0 ? 0 : (address & (0xffffffff << (32 - length))) >>> 0;
}

/** The network that "10.77.0.5/24" lies in: "10.77.0.0/24". */
export function networkAround(text: string): string {
  const [address = '0.0.0.0', length = '0'] = text.split('/');
  return `${numberToIpv4(networkOf(ipv4ToNumber(address), Number(length)))}/${length}`;
}

export interface Subnet {
  readonly text: string;
  readonly network: number;
  readonly broadcast: number;
  readonly prefixLength: number;
}

/** `text` must satisfy `isCidr`. */
export function parseSubnet(text: string): Subnet {
  const [address = '0.0.0.0', length = '0'] = text.split('/');
  const network = ipv4ToNumber(address);
  const prefixLength = Number(length);
  return { text, network, broadcast: network + 2 ** (32 - prefixLength) - 1, prefixLength };
}

export function subnetContains(subnet: Subnet, address: string): boolean {
  const value = ipv4ToNumber(address);
  return value > subnet.network && value < subnet.broadcast;
}

/** The address `offset` places after the network's own. */
export function addressAt(subnet: Subnet, offset: number): string {
  return numberToIpv4(subnet.network + offset);
}

export function subnetsOverlap(left: Subnet, right: Subnet): boolean {
  return left.network <= right.broadcast && right.network <= left.broadcast;
}
