/**
 * Character sets of the collation ids that a handshake can name (one byte), by the server's names.
 * @see https://mariadb.com/kb/en/supported-character-sets-and-collations/
 */
const ranges: readonly (readonly [from: number, to: number, charset: string])[] = [
  [33, 33, 'utf8mb3'],
  [45, 46, 'utf8mb4'],
  [83, 83, 'utf8mb3'],
  [192, 215, 'utf8mb3'],
  [223, 223, 'utf8mb3'],
  [224, 247, 'utf8mb4'],
  [255, 255, 'utf8mb4'],
];

const single: ReadonlyMap<number, string> = new Map([
  [1, 'big5'],
  [84, 'big5'],
  [5, 'latin1'],
  [8, 'latin1'],
  [15, 'latin1'],
  [31, 'latin1'],
  [47, 'latin1'],
  [48, 'latin1'],
  [49, 'latin1'],
  [94, 'latin1'],
  [9, 'latin2'],
  [11, 'ascii'],
  [65, 'ascii'],
  [12, 'ujis'],
  [91, 'ujis'],
  [13, 'sjis'],
  [88, 'sjis'],
  [19, 'euckr'],
  [85, 'euckr'],
  [24, 'gb2312'],
  [86, 'gb2312'],
  [28, 'gbk'],
  [87, 'gbk'],
  [63, 'binary'],
  [95, 'cp932'],
  [96, 'cp932'],
]);

/** Undefined for a collation that isn't listed here: its character set is unknown, which is not "harmless". */
export function charsetOfCollation(id: number): string | undefined {
  const charset = single.get(id);
  if (charset !== undefined) return charset;
  for (const [from, to, name] of ranges) if (id >= from && id <= to) return name;
  return undefined;
}
