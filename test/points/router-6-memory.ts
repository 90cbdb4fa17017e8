/** What router-6 measures by. */
import assert from 'node:assert/strict';
import { command } from '#src/mysql-wire/commands.ts';
import { commandPacket } from '#src/mysql-wire/framing.ts';
import { pssBytes } from '#test/support/processes.ts';
import type { RawClient } from '#test/wire/raw-client.ts';

export interface Counts {
  readonly idleClients: number;
  readonly connects: number;
  readonly resultBytes: number;
  readonly packetBytes: number;
  readonly stalledClients: number;
  readonly stalledSeconds: number;
  /** Only the full run holds rates to their goal: other work shares the machine. */
  readonly strict: boolean;
}

export const mebibyte = 2 ** 20;

export const mib = (bytes: number) => Math.round((bytes / mebibyte) * 10) / 10;

/** The most memory that the router had while `work` ran, in bytes. */
export async function peakDuring<T>(pid: number, work: Promise<T>): Promise<{ result: T; peak: number }> {
  let peak = pssBytes(pid);
  const timer = setInterval(() => {
    peak = Math.max(peak, pssBytes(pid));
  }, 100);
  try {
    const result = await work;
    return { result, peak: Math.max(peak, pssBytes(pid)) };
  } finally {
    clearInterval(timer);
  }
}

/** Asks one statement; any answer but an error is right. */
export async function ask(client: RawClient, sql: string): Promise<void> {
  client.received = Buffer.alloc(0);
  client.socket.write(commandPacket(command.query, Buffer.from(sql)));
  await client.until(7, 20_000);
  const first = client.payloads()[0]?.[0];
  assert.ok(first !== undefined && first !== 0xff, `${sql}: ${client.received.toString('latin1', 0, 200)}`);
}
