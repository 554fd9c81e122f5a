import { edit, type Mutant, mutant } from './mutant.js'

/** Mistakes in what makes an operation count once. */
export const OPERATION_MUTANTS: readonly Mutant[] = [
  mutant(
    'settled-unconfirmed',
    'An operation settles before every member is known to know it.',
    'replica/settling',
    'if (!isHeld || ++looks',
    'if (++looks',
  ),
  mutant(
    'settled-uncovered',
    'What a member knew when it confirmed is not waited for.',
    'replica/stands',
    'if (this.#pending.size > 0)\n                return covered;',
    '',
  ),
  mutant(
    'settled-by-any',
    'Every carrier settles, not only the one with the smallest id.',
    'replica/settling',
    'carriers.every(({ log }) => log >= own || this.isFinal(log))',
    'carriers.length > 0',
  ),
  mutant(
    'dropped-in-digest',
    'What a commit drops stays in the digests of its log.',
    'crdt/commit-packer',
    'this.log.live.take(entry, lo, hi, this.#clock);',
    "if (entry.kind !== 'drop') this.log.live.take(entry, lo, hi, this.#clock);",
  ),
  mutant(
    'settled-anew',
    'Absorbed slots hold what settled last, not all that settled.',
    'replica/settling',
    '{ p: slot.p + p, n: slot.n + n }',
    '{ p, n }',
  ),
  mutant(
    'forgotten-carried',
    'A settlement is forgotten while somebody still carries what it names.',
    'replica/settling',
    'carriers.length > 0 || !drops.every(held.since))',
    'carriers === null)',
  ),
  {
    name: 'forgotten-unheld',
    story: 'A settlement is forgotten as soon as every member holds it, within the window.',
    edits: [
      edit('replica/settling', 'this.#crowded ? this.#earlyMs : OWN_WINDOWS * this.retryWindowMs', '0'),
      edit('replica/settling', 'this.#nowMs - sinceMs < OWN_WINDOWS * this.retryWindowMs;', 'false;'),
      edit('replica/settling', '!this.#isOver(entry)', 'false'),
    ],
  },
  mutant(
    'expired-applied',
    'An operation that is older than the retry window, and unknown, is counted.',
    'replica/operations',
    'if (timeMs < oldestMs) {',
    'if (timeMs < 0) {',
  ),
  mutant(
    'retry-unrecognized',
    'A retry that comes while the first call waits for the disk is taken anew, under an id of its own.',
    'replica/operations',
    "this.commits.carry({ kind: 'operation', id, counts });\n        return 'new';",
    "this.commits.carry({ kind: 'operation', id: id.slice(0, 16) + (this.commits.extra.size % 2), counts });\n        return 'new';",
  ),
]
