/** Addresses within a lab's network. */
import { addressAt, parseSubnet } from '#src/std/ipv4.ts';

/** The machine's own address in a lab's network. */
export function gatewayOf(subnet: string): string {
  return addressAt(parseSubnet(subnet), 1);
}

/** The address `offset` places after the network's, with its prefix length. */
export function addressWithLength(subnet: string, offset: number): string {
  const parsed = parseSubnet(subnet);
  return `${addressAt(parsed, offset)}/${parsed.prefixLength}`;
}

export function addressInNetwork(subnet: string, offset: number): string {
  return addressAt(parseSubnet(subnet), offset);
}

/** The next network of the same length. */
export function siblingSubnet(subnet: string): string {
  const parsed = parseSubnet(subnet);
  return `${addressAt(parsed, 2 ** (32 - parsed.prefixLength))}/${parsed.prefixLength}`;
}
