import { edit, type Mutant, mutant } from './mutant.js'

/** Mistakes in the table and in the logs. */
export const CRDT_MUTANTS: readonly Mutant[] = [
  mutant(
    'last-value-wins',
    'A slot takes the value that came last in place of the largest.',
    'crdt/table',
    'const [risesP, risesN] = [p > column.p[row],',
    'const [risesP, risesN] = [p !== column.p[row],',
  ),
  mutant(
    'head-deleted-first',
    'Head cleaning deletes the head of the log, and what was live in it is not appended again.',
    'crdt/log-writer',
    'packer.addSlot(id, slots.p[cleaning.nextSlot], slots.n[cleaning.nextSlot]);',
    '',
  ),
  {
    name: 'deletion-unchecked',
    story: 'A writer deletes one element more than its batches declare, and no reader compares.',
    edits: [
      edit(
        'crdt/log-writer',
        '{ from: log.head, to: head } : undefined',
        '{ from: log.head, to: head + 1 } : undefined',
      ),
      edit(
        'crdt/replica-log',
        'if (!update.deletes)\n            return true;',
        'if (update)\n            return true;',
      ),
      edit('crdt/replica-log', 'if (!deletes || deletes.to <= this.#head)', 'if (deletes || !deletes)'),
    ],
  },
  mutant(
    'gap-applied',
    'An update that does not follow what is held is applied all the same.',
    'crdt/replica-log',
    "if (update.clock > this.#clock)\n            return { verdict: 'gap', from: this.#clock };",
    '',
  ),
  mutant(
    'pending-ignored',
    'An update across a gap is given to Yjs, which keeps it for later, and taken as received.',
    'crdt/replica-log',
    "if (update.clock > this.#clock)\n            return { verdict: 'gap', from: this.#clock };",
    "if (update.clock > this.#clock) {\n            Y.applyUpdate(this.doc, bytes, this);\n            return { verdict: 'known', update };\n        }",
  ),
  mutant(
    'partial-is-complete',
    'A log that is held in part is served and confirmed like a whole one.',
    'crdt/replica-log',
    'return this.#declaredHead >= this.#gapEnd && this.#head >= this.#gapEnd;',
    'return true;',
  ),
]
