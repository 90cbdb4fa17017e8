import { expect, it } from 'vitest';
import { parsePasswordFile } from '#src/spec/password-file.ts';

it.each([
  ['one', ['one']],
  ['one\n', ['one']],
  ['new one\r\nold one\r\n\r\n', ['new one', 'old one']],
  ['grün "quoted" \\', ['grün "quoted" \\']],
])('%j', (text, passwords) => {
  expect(parsePasswordFile(text)).toEqual({ passwords });
});

it.each([
  ['', 'no password'],
  ['\n\n', 'no password'],
  ['\none', 'nothing in line 1'],
  ['one\n\ntwo', 'nothing in line 2'],
  [' one', 'white space'],
  ['o\tne', 'no text'],
  ['\ufffd', 'no text'],
  ['x'.repeat(201), '200 bytes'],
  ['x\n'.repeat(11), '10 lines'],
])('%j is refused', (text, problem) => {
  expect(parsePasswordFile(text)).toEqual({ problem: expect.stringContaining(problem) });
});
