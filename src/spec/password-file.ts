/** The text of an account's password file: a password on its first line, and on each further one another that holds too. */

const maxLines = 10;
const maxBytes = 200;

export type PasswordFile =
  | { readonly passwords: readonly [string, ...string[]] }
  /** What is wrong with it, to follow the path in a sentence; nothing of the text is in it. */
  | { readonly problem: string };

export function parsePasswordFile(text: string): PasswordFile {
  const lines = text.split(/\r?\n/);
  // What editors leave at the end.
  while (lines.at(-1) === '') lines.pop();
  const [first, ...others] = lines;
  if (first === undefined) return { problem: 'has no password in it' };
  if (lines.length > maxLines) return { problem: `has more than ${maxLines} lines` };
  for (const [index, line] of lines.entries()) {
    const where = `line ${index + 1}`;
    if (line === '') return { problem: `has nothing in ${where}` };
    if (line !== line.trim()) return { problem: `has white space around the password in ${where}` };
    if (/[\p{Cc}\ufffd]/u.test(line)) return { problem: `has a character in ${where} that is no text` };
    if (Buffer.byteLength(line) > maxBytes) return { problem: `has more than ${maxBytes} bytes in ${where}` };
  }
  return { passwords: [first, ...others] };
}
