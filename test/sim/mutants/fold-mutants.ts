import { type Mutant, mutant } from './mutant.js'

/** Mistakes in what folds ids that nobody counts under. */
export const FOLD_MUTANTS: readonly Mutant[] = [
  mutant(
    'fold-and-count',
    'What is folded still counts where it was.',
    'crdt/folds',
    'this.table.fold(replica, id, p, n);',
    '',
  ),
  mutant(
    'fold-anew',
    'Absorbed slots hold what was folded last, not all that was folded.',
    'replica/fold-group',
    'const raised = { key, p: p + counted.p, n: n + counted.n }',
    'const raised = { key, p: counted.p, n: counted.n }',
  ),
  mutant(
    'fence-unfolded',
    'An id is fenced before its slots are folded.',
    'replica/folding',
    "if (progress.slots.more())\n            return 'slots';",
    '',
  ),
  mutant(
    'fence-unheeded',
    'What comes of an id that is folded whole is taken in.',
    'crdt/table',
    'if (!column && !this.isRemoved(replica))',
    'if (!column)',
  ),
  mutant(
    'fence-lost',
    'The next claimant does not take over what the one before had folded, settled and fenced.',
    'replica/taking-over',
    '[...saidAlone(ledger, id, own)]',
    '[]',
  ),
]
