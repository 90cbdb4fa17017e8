import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseStat } from '#src/adapters/process/table.ts';
import { parseAccount, userName } from '#src/provision/lab/supervisor/accounts.ts';
import { parseEnvironmentFile, wrapCommand } from '#src/provision/lab/supervisor/launch.ts';
import { lastLines, rotateLogs } from '#src/provision/lab/supervisor/logs.ts';
import { pollDelayMs } from '#src/provision/lab/supervisor/readiness.ts';
import { isCrashLoop, recentExits, restartDelayMs } from '#src/provision/lab/supervisor/restarts.ts';
import { defaultRestart } from '#src/render/service.ts';

describe('restarts', () => {
  const policy = defaultRestart;

  it('is immediate after a quiet time, then doubles, then waits the longest pause in a crash loop', () => {
    const delays = [1, 2, 3, 4, 5, 6].map((count) =>
      restartDelayMs(
        Array.from({ length: count }, (_, index) => index),
        policy,
        10,
      ),
    );
    expect(delays).toEqual([0, 100, 200, 400, 5_000, 5_000]);
  });

  it('forgets exits that are older than the window', () => {
    expect(recentExits([0, 1_000, 29_000], policy, 30_500)).toEqual([1_000, 29_000]);
    expect(restartDelayMs([0, 1, 2, 3, 4], policy, 40_000)).toBe(0);
  });

  it('calls the given count within the window a crash loop', () => {
    expect(isCrashLoop([0, 1, 2, 3], policy, 5)).toBe(false);
    expect(isCrashLoop([0, 1, 2, 3, 4], policy, 5)).toBe(true);
    expect(isCrashLoop([0, 1, 2, 3, 4], policy, 30_001)).toBe(false);
  });
});

describe('processes', () => {
  it('reads /proc/PID/stat of a program whose name holds parentheses and spaces', () => {
    const rest = 'S 1 41 40 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 200';
    expect(parseStat(`42 (a) b (c)) ${rest}`)).toEqual({
      pid: 42,
      state: 'S',
      parent: 1,
      group: 41,
      session: 40,
      startTicks: '987654',
    });
  });

  it('takes nonsense for no process', () => {
    expect(parseStat('')).toBeUndefined();
  });
});

describe('accounts', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/bash\nmysql:x:101:102:MariaDB:/var/lib/mysql:/bin/false\n';
  const group = 'root:x:0:\nmysql:x:102:\nssl:x:103:mysql,www\nadm:x:4:\n';

  it('finds number, home and every group', () => {
    expect(parseAccount(passwd, group, 'mysql')).toEqual({
      name: 'mysql',
      uid: 101,
      gid: 102,
      home: '/var/lib/mysql',
      groups: [102, 103],
    });
  });

  it('adds extra groups by name, and names what is missing', () => {
    expect(parseAccount(passwd, group, 'mysql', ['adm']).groups).toEqual([102, 103, 4]);
    expect(() => parseAccount(passwd, group, 'mysql', ['nope'])).toThrow("no unix group 'nope'");
    expect(() => parseAccount(passwd, group, 'nobody-here')).toThrow("no unix user 'nobody-here'");
  });

  it('names a user by number', () => {
    expect(userName(101, passwd)).toBe('mysql');
    expect(userName(7, passwd)).toBe('7');
  });
});

describe('launch', () => {
  it('reads KEY=value lines and leaves comments and blanks', () => {
    expect(parseEnvironmentFile('# secret\nA=1\n\nURL=mysql://u:p=1@h/x\n =no\n')).toEqual({
      A: '1',
      URL: 'mysql://u:p=1@h/x',
    });
  });

  it('sets user, groups and limits only where they are needed', () => {
    const root = { name: 'root', uid: 0, gid: 0, home: '/root', groups: [0] };
    const web = { name: 'web', uid: 33, gid: 34, home: '/', groups: [34, 5] };
    expect(wrapCommand(['/bin/x', '-a'], root, {})).toEqual(['/bin/x', '-a']);
    expect(wrapCommand(['/bin/x'], web, { openFiles: 100 })).toEqual([
      ...['prlimit', '--nofile=100:100', '--'],
      ...['setpriv', '--reuid=33', '--regid=34', '--groups=34,5', '--', '/bin/x'],
    ]);
  });
});

describe('readiness', () => {
  it('looks often at first and four times a second later', () => {
    expect([0, 5, 10, 11, 20, 100].map(pollDelayMs)).toEqual([20, 20, 20, 30, 120, 250]);
  });
});

describe('logs', () => {
  it('are rotated when they are too big, the oldest forgotten', () => {
    const directory = mkdtempSync(join(tmpdir(), 'tandem-logs-'));
    try {
      const path = join(directory, 'a.log');
      writeFileSync(join(directory, 'small.log'), 'x');
      for (const text of ['first', 'second', 'third', 'fourth']) {
        writeFileSync(path, text);
        expect(rotateLogs(directory, { maxBytes: 4, keep: 2 })).toEqual(['a.log']);
        expect(readFileSync(path, 'utf8')).toBe('');
      }
      expect(readFileSync(`${path}.1`, 'utf8')).toBe('fourth');
      expect(readFileSync(`${path}.2`, 'utf8')).toBe('third');
      expect(existsSync(`${path}.3`)).toBe(false);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('give their last lines; none when there is no log', () => {
    const directory = mkdtempSync(join(tmpdir(), 'tandem-logs-'));
    try {
      const path = join(directory, 'a.log');
      writeFileSync(path, `${'x'.repeat(20_000)}\none\ntwo\nthree\n`);
      expect(lastLines(path, 2)).toEqual(['two', 'three']);
      expect(lastLines(join(directory, 'none.log'), 2)).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
