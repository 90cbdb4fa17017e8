/** What is large streams through a router: it takes neither more memory, nor the other sessions' turn. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { command } from '#src/mysql-wire/commands.ts';
import { commandPacket, packetOf } from '#src/mysql-wire/framing.ts';
import type { RouterProcess } from '#test/real/router/process.ts';
import { pssBytes } from '#test/support/processes.ts';
import { sleep } from '#test/support/wait.ts';
import { RawClient } from '#test/wire/raw-client.ts';
import type { Evidence } from './point.ts';
import { ask, type Counts, mebibyte, mib, peakDuring } from './router-6-memory.ts';

/** Of the router, beyond what it had before: buffers of two sockets, and garbage that is not yet collected. */
const growthLimitBytes = 64 * mebibyte;

/** A client that counts what comes and keeps nothing of it. */
async function countingClient(path: string): Promise<{ socket: Socket; bytes: () => number }> {
  const { socket } = await RawClient.loggedIn(path);
  socket.removeAllListeners('data');
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  return { socket, bytes: () => bytes };
}

function rowsOf(bytes: number): string {
  return `SELECT REPEAT('x', ${mebibyte}) FROM test.seq_1_to_${Math.ceil(bytes / mebibyte)}`;
}

async function readAll(socket: Socket, count: () => number, bytes: number): Promise<number> {
  const startedMs = performance.now();
  const from = count();
  while (count() - from < bytes) {
    assert.ok(!socket.destroyed, 'the router closed the connection');
    assert.ok(performance.now() - startedMs < 120_000, `only ${mib(count() - from)} MiB came in two minutes`);
    await sleep(5);
  }
  return performance.now() - startedMs;
}

export async function largeThings(
  router: RouterProcess,
  { resultBytes, packetBytes, stalledClients, stalledSeconds }: Counts,
  log: (line: string) => void,
): Promise<Evidence> {
  const before = pssBytes(router.pid);
  const reader = await countingClient(router.socketPath);
  reader.socket.write(commandPacket(command.query, Buffer.from(rowsOf(resultBytes))));
  const result = await peakDuring(router.pid, readAll(reader.socket, reader.bytes, resultBytes));
  reader.socket.destroy();
  log(`${mib(resultBytes)} MiB read in ${Math.round(result.result)} ms, peak ${mib(result.peak)} MiB`);

  const writer = await RawClient.loggedIn(router.socketPath);
  const statement = Buffer.alloc(packetBytes, 'x');
  statement.write("\x03SELECT LENGTH('", 'latin1');
  statement.write("')", packetBytes - 2, 'latin1');
  writer.received = Buffer.alloc(0);
  writer.socket.write(packetOf(statement, 0));
  const packet = await peakDuring(router.pid, writer.until(40, 60_000));
  assert.equal(
    writer.payloads()[0]?.[0],
    1, // column
    `the large packet: ${writer.received.toString('latin1', 0, 200)}`,
  );
  writer.socket.destroy();
  log(`a packet of ${mib(packetBytes)} MiB, peak ${mib(packet.peak)} MiB`);

  const stalled = await Promise.all(
    Array.from({ length: stalledClients }, () => countingClient(router.socketPath)),
  );
  for (const { socket } of stalled) {
    socket.pause();
    socket.write(commandPacket(command.query, Buffer.from(rowsOf(resultBytes))));
  }
  const stall = await peakDuring(router.pid, sleep(stalledSeconds * 1_000));
  log(`${stalledClients} clients that do not read, peak ${mib(stall.peak)} MiB`);
  const others = await RawClient.loggedIn(router.socketPath);
  await ask(others, 'SELECT 1');
  const [first, ...rest] = stalled;
  for (const { socket } of rest) socket.destroy();
  if (first !== undefined) {
    first.socket.resume();
    await readAll(first.socket, first.bytes, resultBytes);
    first.socket.destroy();
  }
  for (const [what, { peak }] of Object.entries({ result, packet, stall })) {
    assert.ok(peak - before <= growthLimitBytes, `${what}: from ${mib(before)} to ${mib(peak)} MiB`);
  }
  return {
    startMiB: mib(before),
    result: {
      MiB: mib(resultBytes),
      peakMiB: mib(result.peak),
      seconds: Math.round(result.result / 100) / 10,
    },
    packet: { MiB: mib(packetBytes), peakMiB: mib(packet.peak) },
    stalled: { clients: stalledClients, seconds: stalledSeconds, peakMiB: mib(stall.peak) },
  };
}
