/** What the meaning of a statement's bytes depends on. */
export interface Modes {
  /** The client's character set by the server's name, as `utf8mb4`; undefined when it isn't known. */
  readonly charset: string | undefined;
  /** As `@@sql_mode` says; undefined when it isn't known. */
  readonly sqlMode: SqlMode | undefined;
  /** The version as MYSQL_VERSION_ID writes it: 101119 is 10.11.19. Decides about executable comments. */
  readonly serverVersion: number;
}

/** The SQL modes that change how a statement is read. @see https://mariadb.com/kb/en/sql-mode/ */
export interface SqlMode {
  readonly ansiQuotes: boolean;
  readonly noBackslashEscapes: boolean;
  /** A mode with a grammar of its own, which isn't read here: ORACLE, MSSQL and the like. */
  readonly foreign: boolean;
}

/**
 * Character sets in which the second byte of a character can be a backslash, a quote or `@`. Text in them is read only
 * when it is plain ASCII. @see https://mariadb.com/kb/en/supported-character-sets-and-collations/
 */
const ambiguousCharsets: ReadonlySet<string> = new Set(['big5', 'cp932', 'gbk', 'sjis', 'euckr', 'gb18030']);

/** Whether bytes above 0x7F in this character set can be read one by one. */
export function isByteSafe(charset: string | undefined): boolean {
  return charset !== undefined && !ambiguousCharsets.has(charset);
}

/** Character sets in which ASCII bytes mean other characters; unknown ones are taken for ASCII. */
const otherCharsets: ReadonlySet<string> = new Set(['swe7', 'filename', 'ucs2', 'utf16', 'utf16le', 'utf32']);

/** Whether plain ASCII text reads as ASCII. */
export function isAsciiBased(charset: string | undefined): boolean {
  return charset === undefined || !otherCharsets.has(charset);
}

export function isUtf8(charset: string | undefined): boolean {
  return charset === 'utf8mb4' || charset === 'utf8mb3' || charset === 'utf8';
}

/** Combination modes: they switch ANSI_QUOTES on and, but for ANSI, change the grammar. */
const foreignModes: ReadonlySet<string> = new Set(['oracle', 'mssql', 'db2', 'maxdb', 'postgresql']);

/** Reads a value of `@@sql_mode`, as the server writes it: names separated by commas. Undefined for anything else. */
export function parseSqlMode(value: string): SqlMode | undefined {
  let ansiQuotes = false;
  let noBackslashEscapes = false;
  let foreign = false;
  if (value !== '' && value !== '0') {
    for (const part of value.toLowerCase().split(',')) {
      const name = part.trim();
      if (/^\d/.test(name)) return undefined;
      if (name === 'ansi_quotes' || name === 'ansi') ansiQuotes = true;
      else if (name === 'no_backslash_escapes') noBackslashEscapes = true;
      else if (foreignModes.has(name)) foreign = true;
    }
  }
  return { ansiQuotes, noBackslashEscapes, foreign };
}

/** The modes of a connection to a server with the default settings. */
export const defaultModes: Modes = {
  charset: 'utf8mb4',
  sqlMode: { ansiQuotes: false, noBackslashEscapes: false, foreign: false },
  serverVersion: 101_119,
};
