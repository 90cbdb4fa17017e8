import { describe, expect, it } from 'vitest';
import {
  type Answer,
  initialHealth,
  nextHealth,
  steadyMs,
  trackValue,
} from '#src/agent/balancer/health-decide.ts';
import { parseStatus } from '#src/agent/balancer/keepalived.ts';
import { initialKeepalived, judgeKeepalived, standstillMs } from '#src/agent/balancer/keepalived-decide.ts';

describe("HAProxy's health", () => {
  const levelAfter = (...answers: readonly (readonly [Answer, number])[]) =>
    answers.reduce((state, [answer, atMs]) => nextHealth(state, answer, atMs), initialHealth).level;
  const steady = [
    ['serving', 0],
    ['serving', steadyMs],
  ] as const;

  it('is lost with one missed answer, and back after a steady while', () => {
    expect(levelAfter(['serving', 0])).toBe('dead');
    expect(levelAfter(...steady)).toBe('serving');
    expect(levelAfter(...steady, ['gone', steadyMs + 100])).toBe('dead');
    const again = [...steady, ['gone', steadyMs + 100], ['serving', steadyMs + 200]] as const;
    expect(levelAfter(...again, ['serving', steadyMs + 600])).toBe('dead');
    expect(levelAfter(...again, ['serving', 2 * steadyMs + 200])).toBe('serving');
  });

  it('is frozen after two late answers, not after one', () => {
    const late = [...steady, ['late', steadyMs + 350]] as const;
    expect(levelAfter(...late)).toBe('serving');
    expect(levelAfter(...late, ['serving', steadyMs + 400], ['late', steadyMs + 800])).toBe('serving');
    expect(levelAfter(...late, ['late', steadyMs + 700])).toBe('dead');
  });

  it('stands back at once without web hosts, and comes forward when they have been there for a while', () => {
    const empty = [...steady, ['empty', steadyMs + 100]] as const;
    expect(levelAfter(...empty)).toBe('empty');
    expect(levelAfter(...empty, ['serving', steadyMs + 200])).toBe('empty');
    expect(levelAfter(...empty, ['serving', steadyMs + 200], ['serving', 2 * steadyMs + 200])).toBe(
      'serving',
    );
  });

  it('is no fault while no balancer has web hosts: the address stays with one of them', () => {
    expect(levelAfter(['empty', 0], ['empty', steadyMs])).toBe('empty');
    expect(Number(trackValue.empty)).toBeGreaterThan(Number(trackValue.dead));
  });
});

describe('keepalived', () => {
  const look = { holds: true, pid: 7, switches: 1, stopped: false, atMs: 0 };

  function verdicts(
    looks: readonly (typeof look | (Omit<typeof look, 'pid'> & { pid: undefined }))[],
    limitMs = 500,
  ) {
    let state = initialKeepalived;
    return looks.map((seen) => {
      const judged = judgeKeepalived(state, seen, limitMs);
      state = judged.state;
      return judged.verdict;
    });
  }

  it('is fine while it runs, and while the host holds nothing', () => {
    expect(verdicts([0, 1, 2, 3, 4, 5].map((n) => ({ ...look, atMs: n * 200, switches: n })))).not.toContain(
      'frozen',
    );
    expect(verdicts([0, 1, 2, 3, 4, 5].map((n) => ({ ...look, atMs: n * 200, holds: false })))).not.toContain(
      'frozen',
    );
  });

  it('may stand still between two adverts, and be frozen when several are missing', () => {
    const looks = Array.from({ length: 40 }, (_, n) => ({ ...look, atMs: n * 200 }));
    const adverting = looks.map((each) => ({ ...each, switches: Math.floor(each.atMs / 1_000) }));
    expect(verdicts(adverting, standstillMs(1_000))).not.toContain('frozen');
    expect(verdicts(looks, standstillMs(1_000)).indexOf('frozen') * 200).toBe(4_600);
    expect(standstillMs(100)).toBe(450);
  });

  it('is frozen when it stands still, sooner when it is seen stopped', () => {
    expect(verdicts([0, 200, 400, 600].map((atMs) => ({ ...look, atMs })))).toEqual([
      'fine',
      'fine',
      'fine',
      'frozen',
    ]);
    expect(verdicts([0, 150, 300].map((atMs) => ({ ...look, atMs, stopped: true })))).toEqual([
      'fine',
      'fine',
      'frozen',
    ]);
  });

  it('is gone when there is no process behind a held address', () => {
    expect(verdicts([0, 300, 600].map((atMs) => ({ ...look, atMs, pid: undefined })))).toEqual([
      'fine',
      'fine',
      'gone',
    ]);
  });

  it('is read from /proc', () => {
    const text =
      'Name:\tkeepalived\nState:\tT (stopped)\nvoluntary_ctxt_switches:\t40\nnonvoluntary_ctxt_switches:\t2\n';
    expect(parseStatus(7, text)).toEqual({ pid: 7, switches: 42, stopped: true });
    expect(parseStatus(7, text.replace('keepalived', 'bash'))).toBeUndefined();
    expect(parseStatus(7, text.replace('T (stopped)', 'Z (zombie)'))).toBeUndefined();
  });
});
