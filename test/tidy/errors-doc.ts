// Writes docs/ERRORS.md: `node test/dist/tidy/errors-doc.js`. The tidy test compares the file with `errorsDoc`.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ERROR_CODES } from '@tallymesh/crdt'

/** The text of docs/ERRORS.md. */
export function errorsDoc(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`)
  return `# Error codes

Everything that tallymesh throws or reports is a \`TallymeshError\` with one of these codes in \`code\`. Codes are stable: a
program may branch on them. The message adds what, where and what can be done; \`cause\` holds the error beneath, if there
is one.

| code | meaning |
|---|---|
${rows.join('\n')}

This file is generated from \`packages/crdt/src/errors.ts\` by \`node test/dist/tidy/errors-doc.js\`.
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // This file is compiled to test/dist/tidy/errors-doc.js.
  writeFileSync(new URL('../../../docs/ERRORS.md', import.meta.url), errorsDoc())
}
