/** Writes the reference of the stack file from its schema: docs/reference/stack-file.md and tandem.schema.json. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchema, referencePage } from '#src/spec/reference.ts';

const directory = join(import.meta.dirname, '../docs/reference');
writeFileSync(join(directory, 'tandem.schema.json'), jsonSchema());
writeFileSync(join(directory, 'stack-file.md'), referencePage());
