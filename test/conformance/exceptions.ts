/** What two runs against the same server differ in already; everything else must be the same. */

interface Exception {
  readonly what: RegExp;
  readonly instead: string;
  /** Why no two connections agree on it. */
  readonly reason: string;
}

export const exceptions: readonly Exception[] = [
  {
    what: /\(conn[:=]-?\d+/g,
    instead: '(conn',
    reason: "connectors put the connection's id into messages",
  },
  {
    what: /\bKILL( QUERY| HARD CONNECTION|) \d{1,8}\b|\bKILL( QUERY| HARD CONNECTION|) 1\d{9}\b/g,
    instead: 'KILL$1$2 (id)',
    reason: 'the statement that a message quotes names a connection',
  },
  {
    what: /prepared statement handler \(\d+\)|The statement \(\d+\)/g,
    instead: 'statement (n)',
    reason: "a prepared statement's number is its server's; the router gives numbers of its own",
  },
  {
    what: /Connection id: +\d+/g,
    instead: 'Connection id',
    reason: 'the command line client says with which id it has connected',
  },
  {
    what: /\(\d+\.\d\d\d sec\)|\(\d+ min \d+\.\d+ sec\)/g,
    instead: '(time)',
    reason: 'the command line client says how long it took',
  },
];

/** What runners leave out themselves, for it takes the structure of an answer to find it. */
export const leftOut: readonly string[] = [
  "a prepared statement's number: its server's; the router gives numbers of its own",
  "the sequence id of COM_CHANGE_USER's last packet: how often the password is asked for differs",
  'the order of the variables that one answer tells as changed: a server lists them as they lie in its hash, by addresses',
];

export function normalise(answer: string): string {
  return exceptions.reduce((text, { what, instead }) => text.replace(what, instead), answer);
}
