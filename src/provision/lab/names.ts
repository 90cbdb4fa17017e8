/** Names of a lab's things on the machine. Interface names have 15 characters at most, so they carry hashes. */
import { sha256 } from '#src/adapters/sha256.ts';

function hash(text: string): string {
  return sha256(text).slice(0, 6);
}

export function namespaceName(stack: string, host: string): string {
  return `tandem-${stack}-${host}`;
}

export function bridgeName(stack: string): string {
  return `td${hash(stack)}br`;
}

/** The machine's end of a host's cable. */
export function cableName(stack: string, host: string): string {
  return `td${hash(stack)}v${hash(host)}`;
}

/** What every interface of a lab begins with; of any lab: `td`. */
export function linkPrefix(stack: string): string {
  return `td${hash(stack)}`;
}

/** nftables table (family inet) of the machine that keeps the lab to itself. */
export function tableName(stack: string): string {
  return `tandem_lab_${hash(stack)}`;
}

/** nftables table (family bridge) that holds a lab's packet faults. */
export function faultTableName(stack: string): string {
  return `tandem_fault_${hash(stack)}`;
}
