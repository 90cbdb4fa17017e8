/** The stack file's reference, made from the schema: a page for people and JSON Schema for editors. */
import { type SchemaNode, stackJsonSchema, typeText } from './json-schema.ts';

/** docs/reference/tandem.schema.json. */
export function jsonSchema(): string {
  return `${JSON.stringify(stackJsonSchema(), null, 2)}\n`;
}

const introduction = `# The stack file

\`tandem.yaml\` (or \`tandem.yml\`, or \`tandem.config.ts\` with \`export default\` of the same shape through
\`defineStack\`) in the directory that the command is run in, or the file named with \`--file\`. Relative paths in it start
at its own directory. Made from the schema (\`src/spec/schema.ts\`) by \`scripts/generate-docs.ts\`; editors use
[tandem.schema.json](tandem.schema.json). \`tandem init\` writes a commented one, \`tandem validate\` checks one.

What it leaves open:

- A host without \`address\` gets the next free one from .11 up, in the order of the file; the floating address is .100, or
  from .100 up where there are several. A subnet smaller than a /25 is filled from its two ends: hosts from .2 up,
  floating addresses from the last one down. The first address is this machine's. A host added at the end moves no other.
- The order of hosts is an order of preference: the first of a role creates the database, holds the floating address, or
  serves first.

What is refused, besides a wrong type or an unknown key:

- no host with the role balancer, web or database; every web host with weight 0;
- a quorum of one host, of two, or of any even number: it does not survive the failure of one host, or survives no more
  than one member fewer would, and a stack that can not fail over by itself is not highly available;
- an address outside \`network.subnet\`, one used twice, the subnet's first one; a subnet too small for its hosts;
- in active-active mode, not exactly one floating address for each balancer;
- public ports that Tandem's own services have; operators that contain each other;
- a database account without a source of its password, named like another one, or whose file does not fit;
- \`sync: strict\` with one database host; more connections of the SQL routers than a database host takes; server variables that the guarantees on acknowledged writes rest on;
- files and directories that are not there or can not be read, certificates that do not fit.

A tier with a single host is a warning: the stack comes up, and is down when that host is.
`;

/** docs/reference/stack-file.md. */
export function referencePage(): string {
  const root = stackJsonSchema();
  const sections = Object.entries(root.properties ?? {}).map(([key, node]) => {
    const rows = rowsOf(key, node, root.required?.includes(key) ?? false);
    return `\n## ${key}\n\n| key | value | default | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `${introduction}${sections.join('')}`;
}

function rowsOf(path: string, node: SchemaNode, required: boolean): readonly string[] {
  const value = node.properties === undefined && node.type !== 'object' ? typeText(node) : 'a mapping';
  const cells = [`\`${path}\``, value, defaultText(node, required), node.description ?? ''];
  const row = `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const named = typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
  return [
    row,
    ...childRows(path, node),
    ...(named?.properties === undefined ? [] : rowsOf(`${path}.NAME`, named, false)),
    ...(node.items === undefined ? [] : childRows(`${path}.N`, node.items)),
    ...(node.anyOf ?? []).flatMap((option) => childRows(path, option)),
  ];
}

function childRows(path: string, node: SchemaNode): readonly string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) =>
    rowsOf(`${path}.${key}`, child, node.required?.includes(key) ?? false),
  );
}

function defaultText(node: SchemaNode, required: boolean): string {
  if (required) return '**required**';
  if (node.default === undefined || typeof node.default === 'object') return '';
  return `\`${String(node.default)}\``;
}
