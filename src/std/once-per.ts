/** What follows from a thing that does not change (a stack's `Spec`) and is asked for again and again: computed once. */
export function oncePer<Thing extends object, Result>(
  compute: (thing: Thing) => Result,
): (thing: Thing) => Result {
  const known = new WeakMap<Thing, { readonly result: Result }>();
  return (thing) => {
    const earlier = known.get(thing);
    if (earlier !== undefined) return earlier.result;
    const result = compute(thing);
    known.set(thing, { result });
    return result;
  };
}
