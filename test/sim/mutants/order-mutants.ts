import { type Mutant, mutant } from './mutant.js'

/** Mistakes in the order of disk, acknowledgement and sending, and in commits. */
export const ORDER_MUTANTS: readonly Mutant[] = [
  mutant(
    'acknowledged-before-sync',
    'A commit is acknowledged when it is handed to the disk.',
    'node/effect-loop',
    'const { inFlight } = this.replica.commits;',
    'const { inFlight } = this.replica.commits;\n        if (commit && inFlight) {\n            this.lastMark = commit;\n            this.events.acknowledged(inFlight.done);\n        }',
  ),
  mutant(
    'sent-before-sync',
    'A commit is sent to the peers when it is handed to the disk.',
    'replica/replica',
    "this.#effects.push({ type: 'persist', logs, commit: formed?.commit.mark });",
    "this.#effects.push({ type: 'persist', logs, commit: formed?.commit.mark });\n        if (formed)\n            for (const peer of this.peers)\n                this.peers.send(peer, { type: 'update', log: formed.commit.replica, update: formed.commit.bytes });",
  ),
  mutant(
    'write-unawaited',
    'Nobody waits for the store: a commit is witnessed, acknowledged and sent while it is being written.',
    'node/effect-loop',
    'await this.store.write({ logs, ...(commit ? { commit } : {}) });',
    'this.store.write({ logs, ...(commit ? { commit } : {}) }).catch(cause => this.#fail(cause));\n            await undefined;',
  ),
  mutant(
    'part-acknowledged',
    'A commit of several parts is acknowledged with the first.',
    'replica/commits',
    'const done = this.#draining ? this.open - 2 : this.open - 1;',
    'const done = this.open - 1;',
  ),
  mutant(
    'touched-left-open',
    'A commit whose counts went along with the last part of the one before stays open.',
    'replica/commits',
    'if (later && !this.pending)\n            this.closeTouched();',
    '',
  ),
  mutant(
    'group-split',
    'A group is counted while a commit is written in parts: a part of it goes along.',
    'replica/commits',
    'admits(group) {\n        if (this.#draining)\n            return false;',
    'admits(group) {',
  ),
  mutant(
    'group-unordered',
    'What groups count on does not come first in a commit of several parts.',
    'replica/commits',
    'if (this.#grouped > 0) {',
    'if (this.#grouped < 0) {',
  ),
  mutant(
    'cells-kept',
    'Cells keep their totals when the store was reopened, whatever the disk holds of them.',
    'replica/cells',
    'this.#cells.set(cell.key, cell);\n        this.rebase(cell, replica);',
    'this.#cells.set(cell.key, cell);',
  ),
  mutant(
    'doubt-denied',
    'What was in flight when the disk failed is said to be not counted.',
    'node/engine',
    "'INDETERMINATE', `the disk failed while",
    "'NOT_READY', `the disk failed while",
  ),
  mutant(
    'failure-outlived',
    'After a failed write the store takes the next one.',
    'store/write-queue',
    'this.#failure = { cause };\n            this.#refuse(batch);',
    'for (const { reject } of batch)\n                reject(new Error(String(cause)));',
  ),
  mutant(
    'overflow-wrapped',
    'A total that would pass 2^53 - 1 begins again at zero.',
    'replica/commits',
    "if (p > Number.MAX_SAFE_INTEGER)\n            throw overflow(cell.key, 'increments', cell.p, amount);\n        cell.p = p;",
    'cell.p = p > Number.MAX_SAFE_INTEGER ? p - 2 ** 53 : p;',
  ),
]
