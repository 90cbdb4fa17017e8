/** Loaded with `--import` before the fuzzer: production code is broken on its way into the process (`BREAKAGE`). */
import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { breakages } from './breakages.ts';

const breakage = breakages.find(({ name }) => name === process.env['BREAKAGE']);
assert.ok(breakage !== undefined, `no breakage ${process.env['BREAKAGE']}`);
const { file, find, replace } = breakage;

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.endsWith(`/src/${file}`)) return loaded;
    const source = String(loaded.source);
    assert.equal(source.split(find).length, 2, `${file} has "${find}" not exactly once`);
    return { ...loaded, source: source.replace(find, () => replace) };
  },
});
