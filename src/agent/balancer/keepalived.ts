/** keepalived as the kernel shows it: its VRRP process, and the addresses that it put on the interface. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { run } from '#src/adapters/process/run.ts';

export interface ProcessLook {
  readonly pid: number;
  readonly switches: number;
  readonly stopped: boolean;
}

/**
 * The process whose id is in `pidFile`, when it lives and is keepalived. Read synchronously: five times a second, from
 * memory, where a round through the thread pool costs ten times the read.
 */
export function lookAtKeepalived(pidFile: string): ProcessLook | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8').trim());
    if (!Number.isInteger(pid) || pid <= 1) return undefined;
    return parseStatus(pid, readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** proc(5), /proc/PID/status. Undefined for another program that got the number, or a zombie. */
export function parseStatus(pid: number, text: string): ProcessLook | undefined {
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(text)?.[1] ?? '';
  const state = field('State');
  if (!field('Name').startsWith('keepalived') || state === 'Z' || state === 'X') return undefined;
  return {
    pid,
    switches: Number(field('voluntary_ctxt_switches')) + Number(field('nonvoluntary_ctxt_switches')),
    stopped: state === 'T' || state === 't',
  };
}

/** Those of `addresses` that the interface has now. */
export function heldAddresses(interfaceName: string, addresses: readonly string[]): readonly string[] {
  const own = (networkInterfaces()[interfaceName] ?? []).map((each) => each.address);
  return addresses.filter((address) => own.includes(address));
}

export async function dropAddress(
  address: string,
  prefixLength: number,
  interfaceName: string,
): Promise<void> {
  // It may be gone by now: that is what was wanted.
  await run(['ip', 'address', 'del', `${address}/${prefixLength}`, 'dev', interfaceName], {
    timeoutMs: 1_000,
  });
}
