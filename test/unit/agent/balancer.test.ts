import { describe, expect, it } from 'vitest';
import { initialHealth, nextHealth, steadyMs } from '#src/agent/balancer/health-decide.ts';
import { parseStatus } from '#src/agent/balancer/keepalived.ts';
import { initialKeepalived, judgeKeepalived } from '#src/agent/balancer/keepalived-decide.ts';

describe("HAProxy's health", () => {
  it('is lost with one missed answer, and back after a steady while', () => {
    let state = nextHealth(initialHealth, true, 0);
    expect(state.healthy).toBe(false);
    state = nextHealth(state, true, steadyMs);
    expect(state.healthy).toBe(true);
    state = nextHealth(state, false, steadyMs + 100);
    expect(state.healthy).toBe(false);
    state = nextHealth(state, true, steadyMs + 200);
    state = nextHealth(state, true, steadyMs + 600);
    expect(state.healthy).toBe(false);
    expect(nextHealth(state, true, 2 * steadyMs + 200).healthy).toBe(true);
  });
});

describe('keepalived', () => {
  const look = { holds: true, pid: 7, switches: 1, stopped: false, atMs: 0 };

  function verdicts(looks: readonly (typeof look | (Omit<typeof look, 'pid'> & { pid: undefined }))[]) {
    let state = initialKeepalived;
    return looks.map((seen) => {
      const judged = judgeKeepalived(state, seen, 500);
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
