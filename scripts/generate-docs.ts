/**
 * Writes the references that are made from code: the stack file's from its schema (docs/reference/stack-file.md,
 * tandem.schema.json), the dashboard's API from its routes (docs/openapi.json).
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApi } from '#src/dashboard/server/openapi.ts';
import { jsonSchema, referencePage } from '#src/spec/reference.ts';

const directory = join(import.meta.dirname, '../docs/reference');
writeFileSync(join(directory, 'tandem.schema.json'), jsonSchema());
writeFileSync(join(directory, 'stack-file.md'), referencePage());
writeFileSync(join(directory, '../openapi.json'), `${JSON.stringify(openApi(), null, 2)}\n`);
