import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openApi } from '#src/dashboard/server/openapi.ts';
import { jsonSchema, referencePage } from '#src/spec/reference.ts';

const directory = join(import.meta.dirname, '../../../docs/reference');

it.each([
  ['tandem.schema.json', jsonSchema],
  ['stack-file.md', referencePage],
  ['../openapi.json', () => `${JSON.stringify(openApi(), null, 2)}\n`],
])('%s is as the code makes it (sh scripts/node.sh scripts/generate-docs.ts)', (name, make) => {
  expect(readFileSync(join(directory, name), 'utf8')).toBe(make());
});
