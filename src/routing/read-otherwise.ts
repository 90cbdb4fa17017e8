/**
 * Whether statements of a text have changed how the rest of it is to be read: by another SQL mode, where there are quotes
 * or backslashes that it can mean, or by another character set, where there is more than ASCII. A text may have
 * thousands of statements: each effect and each byte is looked at once.
 */
import { byteOf } from './bytes.ts';
import type { Effect } from './effect.ts';
import { isAsciiBased, parseSqlMode } from './modes.ts';
import { literalValue } from './names.ts';

export class ReadOtherwise {
  readonly #bytes: Uint8Array;
  /** Effects that were looked at. */
  #seen = 0;
  #changed = false;
  /** The last byte that may mean something else; undefined until that is asked. */
  #last: number | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** For the text from `from` on, after all effects so far. Not to be asked again once it was true. */
  from(from: number, effects: readonly Effect[]): boolean {
    for (; this.#seen < effects.length; this.#seen++) {
      const effect = effects[this.#seen] as Effect;
      if (isUnreadable(effect)) return true;
      this.#changed ||= changesReading(effect);
    }
    if (!this.#changed) return false;
    this.#last ??= lastSpecial(this.#bytes);
    return this.#last >= from;
  }
}

/** How the text is read after it isn't known here, whatever is in it. */
function isUnreadable(effect: Effect): boolean {
  switch (effect.kind) {
    case 'evaluate':
      // The new mode isn't known: its grammar may be another.
      return effect.variables.includes('sql_mode');
    case 'set': {
      if (effect.variable !== 'sql_mode') return false;
      const sqlMode = parseSqlMode(literalValue(effect.value));
      return sqlMode === undefined || sqlMode.foreign;
    }
    case 'names':
      return !isAsciiBased(effect.charset);
    default:
      return false;
  }
}

function changesReading(effect: Effect): boolean {
  if (effect.kind === 'names' || effect.kind === 'evaluate') return true;
  return (
    effect.kind === 'set' && (effect.variable === 'sql_mode' || effect.variable === 'character_set_client')
  );
}

/** -1 without one. */
function lastSpecial(bytes: Uint8Array): number {
  for (let index = bytes.length - 1; index >= 0; index--) {
    const byte = bytes[index] ?? 0;
    if (byte >= 128 || byte === byteOf.backslash || byte === byteOf.doubleQuote) return index;
  }
  return -1;
}
