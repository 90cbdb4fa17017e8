/** The dashboard's own process against strangers, forgers, guessers, and clients that are slow or too large. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiPrefix } from '#src/dashboard/server/routes.ts';
import { askDashboard } from '#test/support/dashboard/client.ts';
import { passwords, stackName, startDashboard, type TestDashboard } from '#test/support/dashboard/process.ts';
import {
  forgeriesAreRefused,
  guessingIsSlow,
  namesAreNotTold,
  pathsDoNotEscape,
  sessionsAreOnesOwn,
  sizesAreBounded,
  strangersAreRefused,
  streamsAreSound,
  streamsOutliveTakeovers,
  type Victim,
  viewersOnlyLook,
} from '#test/support/dashboard/security.ts';

let dashboard: TestDashboard | undefined;
let victim: Victim;

beforeAll(async () => {
  dashboard = await startDashboard();
  victim = {
    target: dashboard.target,
    secrets: [stackName],
    admin: { name: 'admin', password: passwords.admin },
    viewer: { name: 'victor', password: passwords.victor },
  };
});

afterAll(async () => dashboard?.close());

function running(): TestDashboard {
  if (dashboard === undefined) throw new Error('no dashboard');
  return dashboard;
}

describe('the dashboard', () => {
  it('tells strangers nothing, on any path', async () => {
    expect(await strangersAreRefused(victim)).toBeGreaterThan(100);
  });

  it('refuses what another page sends in an operator’s name', async () => {
    await forgeriesAreRefused(victim);
  });

  it('makes sessions anew at login, and ends them at logout', async () => {
    await sessionsAreOnesOwn(victim);
  });

  it('lets viewers look only', async () => {
    await viewersOnlyLook(victim, running().tokens.read);
  });

  it('serves its own files and no others', async () => {
    await pathsDoNotEscape(victim);
  });

  it('refuses what is too long or makes no sense, in words', async () => {
    await sizesAreBounded(victim);
  });

  it('takes up streams with any Last-Event-ID', { timeout: 60_000 }, async () => {
    await streamsAreSound(victim);
  });

  it('goes on with streams of sessions that it has not seen', { timeout: 90_000 }, async () => {
    await streamsOutliveTakeovers(victim, running().target, () => running().restart());
  });

  it('knows tokens by their scope and their end', async () => {
    const { target, tokens } = running();
    const by = (token: string, path: string) =>
      askDashboard(target, `${apiPrefix}${path}`, { headers: { authorization: `Bearer ${token}` } });
    expect((await by(tokens.read, '/session')).status).toBe(200);
    expect(JSON.parse((await by(tokens.act, '/session')).body)).toMatchObject({
      role: 'operator',
      csrf: null,
    });
    const expired = await by(tokens.expired, '/state');
    expect([expired.status, expired.body]).toEqual([401, expect.stringContaining('has expired')]);
  });

  it('tells nobody which names there are, and slows guessing down', async () => {
    await namesAreNotTold(victim);
    // Last: from here on this address has to wait.
    await guessingIsSlow(victim, 'admin', passwords.admin);
  });
});
