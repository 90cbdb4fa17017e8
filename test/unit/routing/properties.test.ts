import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyse } from '#src/routing/analyse.ts';
import { fingerprint } from '#src/routing/fingerprint.ts';
import { Lexer } from '#src/routing/lexer.ts';
import { defaultModes, type Modes } from '#src/routing/modes.ts';
import type { Statement, Target } from '#src/routing/statement.ts';
import { token } from '#src/routing/token.ts';
import { table } from './table/table.ts';

const rank: Readonly<Record<Target, number>> = { any: 0, replica: 1, previous: 2, primary: 3 };
const statements = table.map((row) => row.sql);
const anyStatement = fc.constantFrom(...statements);
const sqlModes = fc.record({
  ansiQuotes: fc.boolean(),
  noBackslashEscapes: fc.boolean(),
  foreign: fc.boolean(),
});
const anyModes: fc.Arbitrary<Modes> = fc.record({
  charset: fc.constantFrom(undefined, 'utf8mb4', 'latin1', 'gbk', 'sjis', 'swe7'),
  sqlMode: fc.option(sqlModes, { nil: undefined }),
  serverVersion: fc.constantFrom(100_600, 101_119, 110_400),
});

interface Piece {
  readonly kind: number;
  readonly from: number;
  readonly to: number;
}

function pieces(sql: string): Piece[] {
  const lexer = new Lexer();
  lexer.start(Buffer.from(sql), defaultModes);
  const result: Piece[] = [];
  while (lexer.nextStatement() !== token.end)
    result.push({ kind: lexer.kind, from: lexer.from, to: lexer.to });
  return result;
}

/** The statement with something put in front of some of its tokens. */
function between(sql: string, insert: (index: number) => string): string {
  const bytes = Buffer.from(sql);
  let text = '';
  let at = 0;
  pieces(sql).forEach((piece, index) => {
    text += bytes.subarray(at, piece.from).toString() + insert(index);
    at = piece.from;
  });
  return text + bytes.subarray(at).toString();
}

/** What must be the same for two spellings of one statement. */
function gist(statement: Statement): unknown {
  const { class: kind, target, reason, implicitCommit, resend, parts, effects, routines } = statement;
  const names = effects.map((effect) => (effect.kind === 'pin' ? `pin ${effect.pin}` : effect.kind));
  return {
    kind,
    target,
    reason,
    implicitCommit,
    resend,
    parts,
    names,

    routines: routines.length,
  };
}

const runs = { numRuns: 3000, seed: 4 };

describe('whatever the bytes are', () => {
  test('neither analysis nor fingerprint throws, and a fingerprint is bounded', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), anyModes, fc.boolean(), (bytes, modes, complete) => {
        analyse(bytes, modes, complete);
        return fingerprint(bytes, modes, 100).length <= 100;
      }),
      runs,
    );
  });

  test('the same for damaged statements', () => {
    const damage = fc.array(fc.tuple(fc.nat(300), fc.constantFrom(...'\'"`\\/*-#;()@!,.: \n\0é')), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(anyStatement, damage, anyModes, (sql, changes, modes) => {
        let text = sql;
        for (const [at, char] of changes) text = text.slice(0, at) + char + text.slice(at + 1);
        analyse(text, modes);
        return fingerprint(text, modes, 100).length <= 100;
      }),
      runs,
    );
  });

  test('what follows a statement, whatever it is, never makes it laxer', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), anyStatement, (noise, sql) => {
        // An open quote would make what follows a part of the statement itself.
        fc.pre(analyse(sql).class !== 'unknown');
        const whole = analyse(`${sql}\n;${noise}`);
        return rank[whole.target] >= rank[analyse(sql).target];
      }),
      runs,
    );
  });
});

describe('another spelling of a statement', () => {
  const comments = fc.constantFrom(
    ...[' /**/ ', ' /* c */ ', ' /* FOR UPDATE */ ', " /* ' */ ", ' -- c\n', ' # c\n', ' --\n', ' /* ; */ '],
    ...[' /* tandem:replica */ ', ' /* tandem:consistency=eventual */ ', ' /*!50701 FOR UPDATE */ '],
  );
  const space = fc.array(fc.constantFrom(' ', '\n', '\t', '\r', '\f', '\v'), { minLength: 1, maxLength: 3 });

  test('comments between its tokens change nothing', () => {
    fc.assert(
      fc.property(
        anyStatement,
        fc.array(fc.option(comments), { minLength: 1, maxLength: 40 }),
        (sql, list) => {
          // Comments in executable comments are a matter of their own.
          const plain = list.filter((comment) => comment?.includes('/*!') !== true);
          const readable = /\/\*M?!/.test(sql) ? [...plain, null] : list;
          // The one thing that a hint does to what the text says.
          const named = /@@(?:hostname|server_id)/i.test(sql);
          const usable = named
            ? [...readable.filter((comment) => comment?.includes('replica') !== true), null]
            : readable;
          const spelled = between(sql, (index) => usable[index % usable.length] ?? '');
          expect(gist(analyse(spelled))).toEqual(gist(analyse(sql)));
        },
      ),
      runs,
    );
  });

  test('white space between its tokens changes nothing', () => {
    fc.assert(
      fc.property(anyStatement, fc.array(space, { minLength: 1, maxLength: 20 }), (sql, list) => {
        const spelled = between(sql, (index) => (list[index % list.length] ?? []).join(''));
        expect(gist(analyse(spelled))).toEqual(gist(analyse(sql)));
      }),
      runs,
    );
  });

  test('the case of its letters changes nothing', () => {
    fc.assert(
      fc.property(anyStatement, fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), (sql, upper) => {
        fc.pre(!sql.includes('\\')); // \N is NULL, \n is nothing.
        const bytes = Buffer.from(sql);
        let letter = 0;
        for (const { kind, from, to } of pieces(sql)) {
          if (kind !== token.word) continue;
          const text = bytes.subarray(from, to).toString();
          const changed = [...text].map((char) =>
            upper[letter++ % upper.length] ? char.toUpperCase() : char.toLowerCase(),
          );
          bytes.write(changed.join(''), from);
        }
        expect(gist(analyse(bytes))).toEqual(gist(analyse(sql)));
      }),
      runs,
    );
  });

  test('an executable comment never makes it laxer', () => {
    const opening = fc.constantFrom(
      '/*!',
      '/*!40101 ',
      '/*!50701 ',
      '/*!100100 ',
      '/*M! ',
      '/*M!100100 ',
      '/*!999999 ',
    );
    fc.assert(
      fc.property(anyStatement, opening, fc.nat(20), fc.nat(20), (sql, begin, from, length) => {
        const tokens = pieces(sql);
        const first = tokens[from % Math.max(1, tokens.length)];
        const last = tokens[Math.min(tokens.length - 1, (from % Math.max(1, tokens.length)) + length)];
        if (first === undefined || last === undefined || /\/\*|--/.test(sql)) return true;
        const bytes = Buffer.from(sql);
        const inside = bytes.subarray(first.from, last.to).toString();
        const spelled = `${bytes.subarray(0, first.from)} ${begin} ${inside} */ ${bytes.subarray(last.to)}`;
        const after = analyse(spelled);
        // What the server leaves out for its version is another statement; all else must not become laxer.
        const leftOut = begin.includes('50701');
        const versioned = begin.includes('100100') || begin.includes('999999');
        if (versioned) return after.target === 'primary' || after.parts === 0;
        return leftOut || rank[after.target] >= rank[analyse(sql).target];
      }),
      runs,
    );
  });
});

describe('two statements in one text', () => {
  test('are never laxer than either, and leave what either leaves', () => {
    fc.assert(
      fc.property(anyStatement, anyStatement, (a, b) => {
        const whole = analyse(`${a}\n;\n${b}`);
        const parts = [analyse(a), analyse(b)];
        // An open quote or comment would take the second into the first.
        fc.pre(parts[0]?.class !== 'unknown');
        for (const part of parts) expect(rank[whole.target]).toBeGreaterThanOrEqual(rank[part.target]);
        if (parts.every((part) => part.parts > 0)) {
          expect(whole.resend).toBe(false);
          expect(whole.target).toBe('primary');
        }
        const left = whole.effects.map((effect) => JSON.stringify(effect));
        // A body swallows what follows it, and then ties the session down as a whole.
        if (left.some((effect) => /"pin":"(text|routine)"/.test(effect))) return;
        for (const part of parts) {
          for (const effect of part.effects) {
            // Which lock it was, and that it was given back, is only read of a single statement.
            if (effect.kind === 'unpin' && effect.pin === 'lock') continue;
            const unnamed = effect.kind === 'pin' && effect.pin === 'lock' ? { ...effect, name: '' } : effect;
            expect(left.includes(JSON.stringify(effect)) || left.includes(JSON.stringify(unnamed))).toBe(
              true,
            );
          }
        }
      }),
      runs,
    );
  });
});

describe('a text that was not read to its end', () => {
  test('goes to the primary and keeps its session there', () => {
    for (const sql of statements) {
      const { target, resend, effects } = analyse(sql, defaultModes, false);
      expect({ target, resend, pinned: effects.some((effect) => effect.kind === 'pin') }).toEqual({
        target: 'primary',
        resend: false,
        pinned: true,
      });
    }
  });
});
