/** Names of the metrics that a PromQL expression asks for. */

const words = new Set([
  ...[
    'abs',
    'avg',
    'by',
    'changes',
    'count',
    'histogram_quantile',
    'increase',
    'label_replace',
    'max',
    'min',
  ],
  ...['rate', 'sum', 'time', 'vector', 'and', 'on', 'or', 'unless', 'ignoring', 'without', 'bool'],
]);

export function metricNames(expression: string): readonly string[] {
  const bare = expression
    .replaceAll(/"[^"]*"/g, '')
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\b(?:by|on|without|ignoring)\s*\([^)]*\)/g, '');
  const names = bare.match(/[a-zA-Z_:][a-zA-Z0-9_:]*/g) ?? [];
  return [...new Set(names.filter((name) => !words.has(name)))];
}
