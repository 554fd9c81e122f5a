import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeBatch } from '../src/batch.js'
import { entryIdentity, NO_KNOWN_KEYS } from '../src/entry.js'
import {
  counterKey,
  decodeLogUpdate,
  type Entry,
  LogWriter,
  type MemberEntry,
  operationId,
  replicaId,
  type SlotEntry,
  SlotTotals,
  storeId,
  Table,
} from '../src/index.js'
import { LOG, Reader, Source, sameLog, settlement } from './log-samples.js'
import { throwsCode } from './samples.js'

const test = suite('log-writer')

const store = storeId('0123456789abcdef0123456789abcdef')
const member: MemberEntry = { kind: 'member', store, name: 'api-1', urls: ['ws://a:1/'], removed: false }

function entriesHeld({ log }: Source): number {
  let held = 0
  for (let clock = log.head; clock < log.clock; clock++) {
    held += decodeBatch(log.element(clock), NO_KNOWN_KEYS).entries.length
  }
  return held
}

/** What a step of a history does, drawn as plain numbers. */
const anyStep = fc.record({
  action: fc.integer({ min: 0, max: 99 }),
  names: fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 12 }),
  fate: fc.integer({ min: 0, max: 99 }),
  bytesMax: fc.integer({ min: 1, max: 600 }),
})
/** Long histories as often as short ones: left alone, fast-check keeps arrays near ten. */
const steps = (maxLength: number) => fc.array(anyStep, { minLength: 1, maxLength, size: 'max' })
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

/** One commit: mostly a hot key, sometimes many keys, sometimes entries of the other kinds. */
function commit(source: Source, { action, names }: Step): void {
  if (action < 45) source.count('hot')
  else if (action < 85) source.count(...names.map(name => `key-${name}`))
  else if (action < 92) {
    // Totals never fall: a lower one would replace the higher one in the log.
    const total = source.log.clock
    const adopted = names.map((name): Entry => {
      return {
        kind: 'adopted',
        replica: replicaId(1 + (name % 3)),
        key: counterKey(`key-${name}`),
        p: total,
        n: 2 * total,
      }
    })
    source.commit([...new Map(adopted.map(entry => [entryIdentity(entry), entry])).values(), source.plus('hot')])
  } else if (action < 96) source.commit([{ ...member, name: `api-${action}` }, source.plus('hot', action)])
  else source.commit(Array.from({ length: 200 }, (_, i) => source.plus(`key-${(names[0] ?? 0) + i}`)))
}

/** Merges what an update says from a clock on, the dumb way. */
function merge(table: Table, bytes: Uint8Array, from: number): void {
  const { deletedTo, elements } = decodeLogUpdate(LOG, bytes)
  for (const element of elements.slice(Math.max(0, from - deletedTo))) {
    for (const { entry } of decodeBatch(element, NO_KNOWN_KEYS).entries) table.mergeEntry(LOG, entry)
  }
}

/** The bounds of a log, after each commit. */
function withinBounds(source: Source): void {
  const { log, commits } = source
  const live = log.live.size
  const last = commits.at(-1)
  assert.ok(last)
  const update = decodeLogUpdate(LOG, last.bytes)
  const batches = update.elements.map(element => decodeBatch(element, NO_KNOWN_KEYS).entries.length)
  const entries = batches.reduce((sum, count) => sum + count, 0)
  const held = entriesHeld(source)
  // An element at the head that is being emptied counts until its last entry is moved, and so do those that were.
  const emptied = (33 / 32) * decodeBatch(log.element(log.head), NO_KNOWN_KEYS).entries.length
  assert.ok(held <= 1.5 * live + 64 + entries + emptied, `${held} entries are held for ${live} live ones`)
  assert.ok(log.structs <= log.clock - log.head + 1, `${log.structs} structs for [${log.head}, ${log.clock})`)
  assert.is(last.headMoved, update.deletes !== undefined)
  if (update.deletes) assert.is(update.deletes.to, log.head)
}

test('a reader that gets commits twice, late, out of order or never ends where the writer is, and reloads at each step', () => {
  fc.assert(
    fc.property(steps(90), steps => {
      const source = new Source()
      const reader = new Reader()
      const waiting: Uint8Array[] = []
      const seen = new Table()
      let read = 0
      const deliver = (bytes: Uint8Array) => {
        const before = reader.log.clock
        const verdict = reader.take(bytes)
        assert.ok(verdict.verdict !== 'diverged', 'reason' in verdict ? verdict.reason : '')
        if (verdict.verdict !== 'gap') return
        assert.is(verdict.from, before)
        assert.is(reader.log.clock, before)
      }
      for (const step of steps) {
        const head = source.log.head
        commit(source, step)
        withinBounds(source)
        const last = source.commits.at(-1)
        assert.ok(last)
        const { deletes } = decodeLogUpdate(LOG, last.bytes)
        // Deletions are always a prefix, and each goes on where the last one ended.
        assert.is(deletes?.from ?? head, head)
        if (step.fate < 60) deliver(last.bytes)
        else if (step.fate < 85) waiting.push(last.bytes)
        if (step.fate % 7 === 0) for (const bytes of waiting.splice(0, 1 + (step.fate % 3))) deliver(bytes)
        if (step.fate % 11 === 0) deliver(source.updates[step.fate % source.updates.length] as Uint8Array)
        if (step.fate % 13 === 0) deliver(source.log.diff(reader.log.clock, step.bytesMax).bytes)
        if (step.fate > 96) {
          let commits = step.action % 40
          reader.catchUp(source.log, step.bytesMax, () => commits-- > 0 && source.count('hot', 'cold'))
        }

        // The table is the maximum of all that was taken, and no reload loses any of it.
        for (; read < reader.applied.length; read++) {
          merge(seen, reader.applied[read] as Uint8Array, reader.starts[read] as number)
        }
        assert.ok(reader.table.equals(seen))
        const reloaded = reader.reloaded()
        sameLog(reloaded.log, reader.log)
        assert.ok(reloaded.table.equals(reader.table))
        const trimmed = reader.trimmed()
        assert.is(trimmed.log.clock, reader.log.clock)
        assert.is(trimmed.log.head, reader.log.head)
        if (reader.log.complete) {
          sameLog(trimmed.log, reader.log)
          assert.ok(trimmed.table.equals(reader.table))
        }
      }
      for (const bytes of waiting.reverse()) deliver(bytes)
      reader.catchUp(source.log, 64)
      assert.ok(reader.log.complete)
      sameLog(reader.log, source.log)
      assert.ok(reader.table.equals(source.table))
      assert.ok(reader.trimmed().table.equals(source.table))
    }),
    { numRuns: 35 },
  )
})

test('a commit moves at most twice what it changes, or 32', () => {
  fc.assert(
    fc.property(steps(150), steps => {
      const source = new Source()
      source.count(...Array.from({ length: 400 }, (_, i) => `key-${i}`))
      for (const step of steps) {
        const changed = new Set<string>()
        const before = source.commits.length
        commit(source, step)
        assert.is(source.commits.length, before + 1)
        const { elements } = decodeLogUpdate(LOG, source.updates.at(-1) as Uint8Array)
        const entries = elements.flatMap(element => decodeBatch(element, NO_KNOWN_KEYS).entries)
        for (const { entry } of entries) changed.add(entryIdentity(entry))
        assert.is(changed.size, entries.length, 'an identity stands twice in a commit')
        const own = step.action < 45 ? 1 : step.action < 85 ? step.names.length : step.action < 92 ? 13 : 200
        assert.ok(entries.length <= own + Math.max(2 * own, 32), `${entries.length} entries for ${own}`)
        withinBounds(source)
      }
    }),
    { numRuns: 20 },
  )
})

test('a long life of one key, and of a thousand, stays as small as its live entries', () => {
  for (const [keys, commits] of [
    [1, 3000],
    [1000, 6000],
  ] as const) {
    const source = new Source()
    let state = 1
    for (let i = 0; i < commits; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      source.count(`key-${state % keys}`)
      if (i % 97 === 0) withinBounds(source)
    }
    withinBounds(source)
    const { log } = source
    assert.ok(log.clock - log.head <= log.live.size / 16 + 100, `${log.clock - log.head} elements`)
    assert.ok(log.structs <= log.clock - log.head + 1)
  }
})

test('commits of a few counters do not move what lists much over and over', () => {
  const source = new Source()
  const settled = 100
  for (let number = 0; number < settled; number++) source.commit([settlement(number, 512)])
  const bytes = () => source.updates.reduce((sum, update) => sum + update.length, 0)
  const before = bytes()
  for (let i = 0; i < 2_000; i++) source.count('a', 'b', 'c')
  const each = (bytes() - before) / 2_000
  assert.ok(each < 500, `${each} bytes for each commit of three counters`)
  const { log } = source
  assert.ok(log.clock - log.head <= log.live.weight / 16 + 100, `${log.clock - log.head} elements`)
  // Once they are forgotten the log is as small as what is left.
  for (let number = 0; number < settled; number++) source.commit([{ kind: 'drop', of: { settlement: number } }])
  for (let i = 0; i < 10; i++) source.count('a')
  assert.ok(entriesHeld(source) <= 200, `${entriesHeld(source)} entries`)
})

test('a big commit takes several batches; only the last declares the new head', () => {
  const source = new Source()
  const reader = new Reader()
  const all = Array.from({ length: 3000 }, (_, i) => `key-${i}`)
  for (let round = 0; round < 4; round++) {
    const before = source.log.head
    const { bytes, clock } = source.count(...all)
    const { elements } = decodeLogUpdate(LOG, bytes)
    assert.ok(elements.length >= 3)
    const heads = elements.map(element => decodeBatch(element, NO_KNOWN_KEYS).head)
    for (const head of heads.slice(0, -1)) assert.is(head, before)
    assert.ok(source.log.head <= clock)
    assert.is(heads.at(-1), source.log.head)
    reader.takeNew(bytes)
    sameLog(reader.log, source.log)
  }
  assert.ok(reader.table.equals(source.table))
  assert.ok(entriesHeld(source) <= 1.52 * 3000 + 64 + 3000)
})

test('a writer goes on where the loaded log ends, and cleans as if it had never stopped', () => {
  fc.assert(
    fc.property(steps(60), fc.nat(59), (steps, at) => {
      const whole = new Source()
      let resumed = new Source()
      for (const [i, step] of steps.entries()) {
        if (i === at % steps.length) resumed = new Source(LOG, whole.updates)
        commit(whole, step)
        commit(resumed, step)
        if (i >= at % steps.length) assert.equal(resumed.updates.at(-1), whole.updates.at(-1))
      }
      sameLog(resumed.log, whole.log)
    }),
    { numRuns: 40 },
  )
})

test('the salt is in the bytes, and changes them', () => {
  const plain = new Source()
  const salted = new Source()
  plain.commit([plain.plus('a')])
  salted.commit([salted.plus('a')], 0xffffffff)
  assert.not.equal(plain.updates[0], salted.updates[0])
  assert.ok(plain.log.digest.equals(salted.log.digest))
  assert.is.not(plain.log.tip, salted.log.tip)
  assert.is(decodeBatch(salted.log.element(0), NO_KNOWN_KEYS).salt, 0xffffffff)
})

test('a member record that no reader takes is refused, and nothing is appended', () => {
  const source = new Source()
  for (let i = 0; i < 200; i++) source.count('hot')
  const before = source.log.clock
  throwsCode(() => source.writer.append([{ ...member, name: 'a\n' }]), 'INVALID_NAME')
  assert.is(source.log.clock, before)
  source.count('hot')
  withinBounds(source)
})

test('one commit may name an operation in any way, several times', () => {
  const id = operationId('01936b2e-7c1a-7d3e-9f57-2b8a6c4d1e0f')
  const counts = [{ key: counterKey('a'), p: 1, n: 0 }]
  const said: Entry[] = [
    { kind: 'operation', id, counts },
    { kind: 'drop', of: { operation: id } },
    { kind: 'settlement', number: 1, operations: [{ id, lo: 1, hi: 2 }] },
    { kind: 'settlement', number: 2, operations: [{ id, lo: 1, hi: 2 }] },
  ]
  fc.assert(
    fc.property(fc.array(fc.shuffledSubarray(said, { minLength: 1 }), { minLength: 1, maxLength: 4 }), commits => {
      const source = new Source()
      const reader = new Reader()
      for (const entries of commits) assert.is(reader.take(source.commit(entries).bytes).verdict, 'new')
      sameLog(reader.log, source.log)
    }),
  )
})

test('a log takes batches of both versions, and is cleaned across them', () => {
  const source = new Source()
  for (let i = 0; i < 100; i++) source.count('hot', 'cold')
  const writer = new LogWriter(source.log, 2)
  for (let i = 0; i < 200; i++) source.commits.push(writer.append([source.plus('hot', 1 + i)]))
  const versions = new Set<number | undefined>()
  for (let clock = source.log.head; clock < source.log.clock; clock++) versions.add(source.log.element(clock)[1])
  assert.equal([...versions], [2])
  const reader = new Reader()
  for (const bytes of source.updates) reader.takeNew(bytes)
  sameLog(reader.log, source.log)
})

test('a writer over an empty head starts a chain of its own', () => {
  // The record of a head alone leaves no last batch to name.
  const source = new Source()
  for (let i = 0; i < 200; i++) source.count('hot')
  const reader = new Reader()
  reader.takeNew(source.log.headUpdate())
  assert.is(reader.log.tip, undefined)
  const writer = new LogWriter(reader.log)
  writer.append([source.plus('hot')])
  assert.is(decodeBatch(reader.log.element(source.log.head), NO_KNOWN_KEYS).previous, 0)
})

test('slots that are given by the ids of their keys are those that are given as entries', () => {
  const [byEntry, byId] = [new Source(), new Source()]
  for (let i = 0; i < 60; i++) {
    const entries = Array.from({ length: 1 + ((i * 7) % 40) }, (_, j) => byEntry.plus(`key-${(i + j) % 50}`, 1 + j))
    const slots = new SlotTotals()
    for (const { key, p, n } of entries as SlotEntry[]) slots.add(byId.table.idOf(key), p, n)
    byEntry.commit(entries, i)
    byId.writer.append([], i, slots)
    sameLog(byId.log, byEntry.log)
  }
})

test('an entry that is longer than a batch is refused, and other logs are written as before', () => {
  for (const operations of [3_000, 20_000]) {
    const [before, source] = [new Source(), new Source()]
    before.count('hot', 'cold')
    source.count('hot')
    assert.throws(() => source.writer.append([settlement(1, operations)]), /longer than the \d+ bytes/)
    assert.is(source.log.clock, 1)
    const after = new Source()
    after.count('hot', 'cold')
    sameLog(after.log, before.log)
    const reader = new Reader()
    reader.take(after.updates[0] as Uint8Array)
    sameLog(reader.log, after.log)
  }
})

test.run()
