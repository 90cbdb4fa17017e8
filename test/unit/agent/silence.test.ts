/** The one silence of maintenance: made, put off, ended, by one of two agents. */
import { describe, expect, it } from 'vitest';
import {
  decideSilence,
  type Silence,
  silenceMs,
  standInAfterMs,
} from '#src/agent/alerting/silence-decide.ts';

const nowMs = 1_000_000_000;
const silence = (id: string, startsAgoMs: number, leftMs: number): Silence => ({
  id,
  startsAtMs: nowMs - startsAgoMs,
  endsAtMs: nowMs + leftMs,
});

describe('while maintenance is on', () => {
  it('the first agent makes one at once, the other one only when none has come', () => {
    const made = { kind: 'set', endsAtMs: nowMs + silenceMs };
    expect(decideSilence(nowMs, [], 0, nowMs)).toEqual(made);
    expect(decideSilence(nowMs, [], 1, nowMs)).toEqual({ kind: 'nothing' });
    expect(decideSilence(nowMs - standInAfterMs, [], 1, nowMs)).toEqual(made);
    expect(decideSilence(nowMs - standInAfterMs, [silence('a', 1_000, silenceMs)], 1, nowMs)).toEqual({
      kind: 'nothing',
    });
  });

  it('its end is put off in time', () => {
    expect(decideSilence(0, [silence('a', 1_000, silenceMs / 2 - 1)], 0, nowMs)).toEqual({
      kind: 'set',
      id: 'a',
      endsAtMs: nowMs + silenceMs,
    });
    expect(decideSilence(0, [silence('a', 1_000, silenceMs / 2 + 1)], 0, nowMs)).toEqual({ kind: 'nothing' });
  });

  it('of two the older one stays, whoever looks', () => {
    const both = [silence('b', 1_000, silenceMs), silence('a', 2_000, silenceMs)];
    for (const position of [0, 1])
      expect(decideSilence(0, both, position, nowMs)).toEqual({ kind: 'expire', ids: ['b'] });
  });
});

describe('when it is off', () => {
  it('every silence of it ends', () => {
    const both = [silence('b', 1_000, silenceMs), silence('a', 2_000, silenceMs)];
    expect(decideSilence(undefined, both, 1, nowMs)).toEqual({ kind: 'expire', ids: ['b', 'a'] });
    expect(decideSilence(undefined, [], 0, nowMs)).toEqual({ kind: 'nothing' });
  });
});
