/**
 * Deliberate breakages: each takes one check away from the production code while it is loaded (`break-source.ts`). The
 * fuzzer must find each of them, or it proves nothing. `find` has to be in the file exactly once.
 */
export interface Breakage {
  readonly name: string;
  /** Below src/. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** What of the fuzzer is to find it. */
  readonly kind: 'answers' | 'logins' | 'clients' | 'servers';
}

const scanner = 'mysql-wire/response-scanner.ts';

export const breakages: readonly Breakage[] = [
  {
    name: 'fields may reach beyond their packet',
    file: 'mysql-wire/bytes.ts',
    find: 'if (length > this.#end - this.offset) throw malformed',
    replace: 'if (length < 0) throw malformed',
    kind: 'answers',
  },
  {
    name: 'fields of a login may reach beyond their packet',
    file: 'mysql-wire/bytes.ts',
    find: 'if (length > this.#end - this.offset) throw malformed',
    replace: 'if (length < 0) throw malformed',
    kind: 'logins',
  },
  {
    name: 'a string needs no end',
    file: 'mysql-wire/bytes.ts',
    find: 'if (end < 0 || end >= this.#end) throw malformed',
    replace: 'if (end < -1) throw malformed',
    kind: 'logins',
  },
  {
    name: 'sequence ids of a server are not looked at',
    file: scanner,
    find: 'if (sequenceId !== this.#sequenceId) throw outOfOrder',
    replace: 'if (at < 0) throw outOfOrder',
    kind: 'answers',
  },
  {
    name: 'a packet is looked at before it is whole',
    file: scanner,
    find: 'if (end > to) return this.#hold(at, to);',
    replace: '',
    kind: 'answers',
  },
  {
    name: 'a looked-at packet may have any length',
    file: scanner,
    find: 'if (length > maxLookedAtBytes) throw malformed',
    replace: 'if (length < 0) throw malformed',
    kind: 'answers',
  },
  {
    name: 'what was held back is forgotten',
    file: 'router/servers/connection.ts',
    find: 'if (held > 0) this.#carry',
    replace: 'if (held > 1_000_000) this.#carry',
    kind: 'servers',
  },
  {
    name: 'sequence ids of a client are not looked at',
    file: 'router/session/client-stream.ts',
    find: 'if (buffer[at + 3] !== 0) {',
    replace: 'if (at < 0) {',
    kind: 'clients',
  },
  {
    name: 'a command is handled before it is whole',
    file: 'router/session/client-stream.ts',
    find: 'if (end > to) return this.#needs(headerBytes + length, at);',
    replace: '',
    kind: 'clients',
  },
  {
    name: 'a command may lack its statement id',
    file: 'router/session/prepared.ts',
    find: "if (end - start < statementIdAt + 4) throw malformed('a command without its statement id');",
    replace: '',
    kind: 'clients',
  },
  {
    name: 'a COM_PROCESS_KILL may lack its id',
    file: 'router/session/commands.ts',
    find: "if (end - start < headerBytes + 5) throw malformed('COM_PROCESS_KILL');",
    replace: '',
    kind: 'clients',
  },
  {
    name: 'an answer to nothing is taken',
    file: 'router/servers/connection.ts',
    find: 'if (this.#moreCame) this.#break(unasked);',
    replace: '',
    kind: 'servers',
  },
  {
    name: 'a session that has ended goes on',
    file: 'router/session/session.ts',
    find: 'this.releaseConnections();\n    this.prepared.clear();',
    replace: 'this.prepared.clear();',
    kind: 'clients',
  },
];
