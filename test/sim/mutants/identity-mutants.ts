import { edit, type Mutant, mutant } from './mutant.js'

/** Mistakes in what a node believes about its own past. */
export const IDENTITY_MUTANTS: readonly Mutant[] = [
  mutant(
    'rollback-resumed',
    'A disk that is behind its witness is reported, and its replica id gone on with.',
    'replica/identity',
    'return { resume: undefined, report };',
    'return { resume: stored?.replica, report };',
  ),
  mutant(
    'clone-resumed',
    'Where there is no witness, what the disk says of itself is believed: a copy goes on under the id of the original.',
    'node/loading',
    'witness: witnessed,\n        held: witness.held || old?.lastMark !== undefined,',
    'witness: witnessed ?? store.lastCommit,\n        held: true,',
  ),
  mutant(
    'owner-unchecked',
    'A process that could not take the lock of the witness believes its disk all the same.',
    'node/loading',
    'witness: witnessed,\n        held: witness.held || old?.lastMark !== undefined,',
    'witness: witnessed ?? (witness.held ? undefined : store.lastCommit),\n        held: true,',
  ),
  mutant(
    'witness-clock-unchecked',
    'It is not compared how far the store and its witness are.',
    'replica/identity',
    'if (number < witness.number || (stored?.replica === witness.replica && stored.clock < witness.clock)) {',
    'if (stored?.replica === witness.replica)\n        return { resume: stored.replica, report: undefined };\n    if (number < witness.number) {',
  ),
  {
    name: 'witness-id-unchecked',
    story: 'The witness of one replica id is believed for another, whatever history it speaks of.',
    edits: [
      edit(
        'replica/identity',
        'const current = clean && same && stored?.replica === witness.replica;',
        'const current = clean && same;',
      ),
      edit('replica/identity', ' + 1 && stored.before === witness.tip;', ' + 1;'),
    ],
  },
  mutant(
    'witness-boot-unchecked',
    'A witness of an earlier boot is believed.',
    'store/witness-record',
    "return { state: record.bootId === bootId ? 'whole' : 'stale-boot', record };",
    "return { state: 'whole', record };",
  ),
  mutant(
    'witness-late',
    'The witness is told of a commit after it was sent: when the next one is written.',
    'node/effect-loop',
    'if (commit)\n                this.#testify(commit);',
    'if (commit && this.late)\n                this.#testify(this.late);\n            this.late = commit ?? this.late;',
  ),
  mutant(
    'resume-unwitnessed',
    'A node that goes on one commit ahead of its witness does not tell it.',
    'node/loading',
    'if (verdict.resume !== undefined && store.lastCommit)\n        witness.write(store.lastCommit);',
    '',
  ),
  mutant(
    'own-fork-ignored',
    'A peer that holds more of the own log than this node wrote is ignored.',
    'replica/replica',
    'diverged(log, reason, entries) {',
    'diverged(log, reason, entries) {\n        if (log === this.commits.replica)\n            return;',
  ),
  mutant(
    'fork-recounted',
    'A node that gives its id up after a fork counts its old totals again under the fresh one.',
    'replica/commits',
    'this.states.clear();\n        this.#cells.rebaseAll(this.replica);',
    'this.states.clear();',
  ),
  mutant(
    'fork-unadopted',
    'What only a forked log says is not carried on by any other.',
    'replica/forks',
    'this.#waiting.add(log);\n        this.#adoptFrozen(log);\n    }',
    'this.#waiting.add(log);\n    }',
  ),
  mutant(
    'unsalted',
    'Batches carry no salt: a process that was set back and counts the same writes the same bytes.',
    'replica/commits',
    '2 ** 32) ^ nowMs) >>> 0;',
    '2 ** 32) * 0) >>> 0;',
  ),
]
