/** The block-list half of point 5: within a second, on all hosts, for open connections, and after a restart. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Lab } from '#test/support/lab.ts';
import type { Outside } from '#test/support/outside.ts';
import { sleep, waitFor } from '#test/support/wait.ts';
import { type Evidence, summary } from './point.ts';

const limitMs = 1_000;

/**
 * Runs outside: asks the site every 50 ms on one kept-alive connection and on new ones, and pings every host; prints
 * one line per success: the kind and the time.
 */
const client = `
const https = require('node:https'), { spawn } = require('node:child_process');
const [url, ca, ...hosts] = process.argv.slice(1);
const say = (kind) => console.log(kind, Date.now());
const kept = new https.Agent({ keepAlive: true, maxSockets: 1 });
let busy = false;
const ask = (kind, agent, done) => {
  const outgoing = https.get(url, { ca: require('node:fs').readFileSync(ca), agent, timeout: 1000 }, (answer) => {
    answer.resume().on('end', () => { if (answer.statusCode === 200) say(kind); done(); });
  });
  outgoing.on('timeout', () => outgoing.destroy()).on('error', done);
};
setInterval(() => {
  ask('new', false, () => {});
  if (!busy) { busy = true; ask('kept', kept, () => { busy = false; }); }
}, 50);
for (const host of hosts) {
  const ping = spawn('ping', ['-n', '-i', '0.05', '-W', '1', host]);
  ping.stdout.on('data', (text) => { if (String(text).includes('bytes from')) say('ping ' + host); });
}
process.stdin.on('end', () => process.exit()).resume();
`;

/** When each kind of contact last succeeded, in milliseconds since the Unix epoch. */
class Contacts {
  readonly last = new Map<string, number>();
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('no output');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const at = line.lastIndexOf(' ');
      this.last.set(line.slice(0, at), Number(line.slice(at + 1)));
    });
  }

  /** Resolves when every kind succeeded after `sinceMs`; with how long the slowest took. */
  async allSince(sinceMs: number, kinds: readonly string[]): Promise<number> {
    const missing = () => kinds.filter((kind) => (this.last.get(kind) ?? 0) <= sinceMs);
    await waitFor(`contacts: ${kinds.join(', ')}`, () => missing().length === 0, 15_000, 10);
    return Date.now() - sinceMs;
  }

  close(): void {
    this.#child.stdin?.end();
  }
}

async function blockAndUnblock(lab: Lab, contacts: Contacts, kinds: readonly string[], address: string) {
  await contacts.allSince(Date.now(), kinds);
  const blockedMs = Date.now();
  await lab.expect('firewall', 'block', address, '--for', '1h');
  const blockTookMs = Date.now() - blockedMs;
  await sleep(2_500);
  const silentAfterMs = Math.max(...kinds.map((kind) => (contacts.last.get(kind) ?? 0) - blockedMs));
  const listed = await lab.expect('firewall', 'list');
  assert.ok(listed.includes(address), `firewall list: ${listed}`);
  const unblockedMs = Date.now();
  await lab.expect('firewall', 'unblock', address);
  const unblockTookMs = Date.now() - unblockedMs;
  const backAfterMs = await contacts.allSince(unblockedMs, kinds);
  assert.ok(
    silentAfterMs <= limitMs,
    `blocked after ${silentAfterMs} ms (the command took ${blockTookMs} ms)`,
  );
  // A client whose connection was silenced opens the next one when its own time limit of 1 s has passed.
  const limit = limitMs + 1_500;
  assert.ok(backAfterMs <= limit, `unblocked after ${backAfterMs} ms (the command took ${unblockTookMs} ms)`);
  return { silentAfterMs, blockTookMs, backAfterMs, unblockTookMs };
}

/** Blocked stays blocked on a host that was off meanwhile or since. */
async function surviveRestart(lab: Lab, contacts: Contacts, address: string): Promise<void> {
  const host = 'server-2';
  const ping = `ping ${(await lab.status()).hosts.find(({ name }) => name === host)?.address}`;
  await lab.expect('firewall', 'block', address);
  try {
    await sleep(1_500);
    await lab.powerOff(host);
    await lab.expect('up');
    const sinceMs = Date.now();
    await sleep(2_000);
    assert.ok(
      (contacts.last.get(ping) ?? 0) < sinceMs,
      `${host} answers a blocked address after its restart`,
    );
    assert.ok((await lab.expect('firewall', 'list')).includes(address));
  } finally {
    await lab.expect('firewall', 'unblock', address);
  }
  await contacts.allSince(Date.now(), [ping]);
}

export async function checkBlocklist(
  lab: Lab,
  outside: Outside,
  rounds: number,
  log: (line: string) => void,
): Promise<Evidence> {
  const { hosts, site } = await lab.status();
  const addresses = hosts.map(({ address }) => address);
  const kinds = ['new', 'kept', ...addresses.map((address) => `ping ${address}`)];
  const url = `https://${site.address}/api/users`;
  const contacts = new Contacts(
    outside.spawn(process.execPath, ['-e', client, url, site.caFile, ...addresses]),
  );
  try {
    const seen: Awaited<ReturnType<typeof blockAndUnblock>>[] = [];
    for (let round = 0; round < rounds; round += 1) {
      seen.push(await blockAndUnblock(lab, contacts, kinds, outside.address));
      log(`block-list: ${JSON.stringify(seen.at(-1))}`);
    }
    await lab.expect('firewall', 'block', outside.address, '--for', '3s');
    const expiryMs = await contacts.allSince(Date.now() + 1_500, kinds);
    await surviveRestart(lab, contacts, outside.address);
    log('block-list: still there after a restart of server-2');
    return {
      silentAfterMs: summary(seen.map(({ silentAfterMs }) => silentAfterMs)),
      backAfterMs: summary(seen.map(({ backAfterMs }) => backAfterMs)),
      expiredBlockOf3sMs: expiryMs + 1_500,
      afterRestart: 'still blocked',
    };
  } finally {
    contacts.close();
  }
}
