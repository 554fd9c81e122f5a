import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { batchChecksum, decodeBatch } from '../src/batch.js'
import { NO_KNOWN_KEYS } from '../src/entry.js'
import { Digest, decodeLogUpdate, type Entry, type ReplicaLog, replicaId, TallymeshError } from '../src/index.js'
import { encodeLogUpdate, type LogUpdate } from '../src/log-update.js'
import { LOG, Reader, rebuild, Source, sameLog, snapshot } from './log-samples.js'
import { throwsCode } from './samples.js'

const test = suite('replica-log')

const encode = (update: Partial<LogUpdate>) => {
  return encodeLogUpdate(LOG, { clock: 0, deletedTo: update.clock ?? 0, elements: [], deletes: undefined, ...update })
}

/** A short history of few keys: enough for some cleaning at its end. */
function grown(commits = 120, keys = 3): Source {
  const source = new Source()
  for (let i = 0; i < commits; i++) source.count(`key-${i % keys}`)
  return source
}

function readerOf(source: Source): Reader {
  const reader = new Reader()
  reader.takeNew(...source.updates)
  return reader
}

const lastOf = (bytes: Uint8Array) => decodeLogUpdate(LOG, bytes).elements.at(-1) as Uint8Array

const element = (source: Source, clock: number) => {
  const [bytes] = decodeLogUpdate(LOG, source.updates[clock] as Uint8Array).elements
  return bytes as Uint8Array
}

/** Runs `act`, which may refuse what it was given, and only in the ways that `check` names. */
function refusedOr(act: () => void): void {
  try {
    act()
  } catch (error) {
    const codes = ['UPDATE_REFUSED', 'BATCH_DAMAGED', 'BATCH_UNSUPPORTED']
    if (!(error instanceof TallymeshError && codes.includes(error.code))) throw error
  }
}

test('an empty log', () => {
  const { log } = new Reader()
  assert.equal([log.clock, log.head, log.structs, log.complete, log.tip], [0, 0, 0, true, 0])
  assert.ok(log.digest.equals(new Digest()))
  assert.is(log.check(log.headUpdate()).verdict, 'known')
  assert.is(log.check(log.diff(0, 1000).bytes).verdict, 'known')
})

test('commits in order are new, then known; a commit too early is a gap', () => {
  const source = grown()
  const reader = new Reader()
  for (const [clock, bytes] of source.updates.entries()) {
    const later = source.updates[clock + 1]
    if (later) assert.equal(reader.log.check(later), { verdict: 'gap', from: clock })
    const verdict = reader.take(bytes)
    assert.ok(verdict.verdict === 'new' && verdict.clock === clock && verdict.batches.length === 1)
    assert.is(reader.take(bytes).verdict, 'known')
  }
  for (const bytes of source.updates) assert.is(reader.take(bytes).verdict, 'known')
  sameLog(reader.log, source.log)
  assert.ok(reader.log.head > 0)
})

test('an update that overlaps brings only what is new', () => {
  const source = grown(20)
  const reader = new Reader()
  reader.takeNew(...source.updates.slice(0, 12))
  const overlap = encode({ clock: 5, elements: Array.from({ length: 10 }, (_, i) => element(source, 5 + i)) })
  const verdict = reader.take(overlap)
  assert.ok(verdict.verdict === 'new' && verdict.clock === 12 && verdict.batches.length === 3)
  assert.is(reader.log.clock, 15)
})

test('two histories under one id are found at the first contact', () => {
  // Whatever the two wrote, and even where the later commit replaces all that the earlier ones wrote differently.
  const anyCounts = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(fc.nat(10), anyCounts, anyCounts, fc.nat(), (common, one, other, salt) => {
      const history = grown(common).updates
      const a = new Source(LOG, history)
      const b = new Source(LOG, history)
      for (const name of one) a.commit([a.plus(name)], 1)
      for (const name of other) b.commit([b.plus(name)], salt % 2 === 0 ? 2 : 3)
      const readers = [a, b].map(({ updates }) => {
        const reader = new Reader()
        reader.takeNew(...history, ...updates)
        return reader
      })
      const [ofA, ofB] = readers as [Reader, Reader]
      for (const [reader, foreign] of [
        [ofA, b],
        [ofB, a],
      ] as const) {
        const before = snapshot(reader.log)
        for (const [i, bytes] of foreign.updates.entries()) {
          if (common + i > reader.log.clock) break
          const verdict = reader.take(bytes)
          assert.ok(verdict.verdict === 'diverged', `${verdict.verdict} at ${common + i}`)
          const expected = decodeLogUpdate(LOG, bytes).elements.flatMap(
            batch => decodeBatch(batch, NO_KNOWN_KEYS).entries,
          )
          assert.equal(
            verdict.entries,
            expected.map(({ entry }) => entry),
          )
        }
        assert.is(snapshot(reader.log), before)
        // Catching up from the other history is no way around it.
        const diff = foreign.log.diff(Math.min(reader.log.clock, foreign.log.clock), 1e6).bytes
        if (foreign.log.clock > reader.log.clock) assert.is(reader.take(diff).verdict, 'diverged')
        assert.is(snapshot(reader.log), before)
      }
      // The tips tell them apart where the digests may not.
      if (a.log.clock === b.log.clock) assert.is.not(a.log.tip, b.log.tip)
    }),
  )
})

test('a fork of one hot key, whose next commit hides all that differed, is found by the chain alone', () => {
  const history = grown(10, 1).updates
  const a = new Source(LOG, history)
  const b = new Source(LOG, history)
  a.commit([a.plus('key-0', 1)], 1)
  b.commit([b.plus('key-0', 5)], 2)
  b.commit([b.plus('key-0', 1)], 3)
  const reader = new Reader()
  reader.takeNew(...history, ...a.updates)
  const verdict = reader.take(b.updates[1] as Uint8Array)
  assert.ok(verdict.verdict === 'diverged')
  assert.match(verdict.reason, 'two histories')
  const whole = new Reader()
  whole.takeNew(...history, ...b.updates)
  assert.ok(reader.table.equals(whole.table))
})

test('a batch without one of its entries, with more, or with a changed one fails its digest', () => {
  const source = new Source()
  for (let i = 0; i < 5; i++) source.count('a', 'b', `c${i}`)
  const changes: Array<(entries: Entry[]) => Entry[]> = [
    entries => entries.slice(1),
    entries => entries.slice(0, -1),
    () => [],
    entries => [...entries, source.plus('x')],
    entries => entries.map((entry, i) => (i === 0 && entry.kind === 'slot' ? { ...entry, p: entry.p + 1 } : entry)),
    entries => entries.map((entry, i) => (i === 0 && entry.kind === 'slot' ? { ...entry, n: 1 } : entry)),
  ]
  for (let clock = 0; clock < 5; clock++) {
    for (const change of changes) {
      const reader = new Reader()
      reader.takeNew(...source.updates.slice(0, clock))
      const verdict = reader.take(encode({ clock, elements: [rebuild(element(source, clock), change)] }))
      assert.ok(verdict.verdict === 'diverged')
      assert.match(verdict.reason, 'digest')
    }
  }
})

test('a history that skips a batch is found, also when its chain is mended', () => {
  for (let lost = 0; lost < 9; lost++) {
    const source = new Source()
    for (let i = 0; i < 10; i++) source.count(`key-${i}`)
    const reader = new Reader()
    reader.takeNew(...source.updates.slice(0, lost))
    const plain = encode({ clock: lost, elements: [element(source, lost + 1)] })
    const broken = reader.log.check(plain)
    assert.ok(broken.verdict === 'diverged')
    assert.match(broken.reason, 'two histories')
    const mended = rebuild(element(source, lost + 1), entries => entries, { previous: reader.log.tip ?? 0 })
    const verdict = reader.log.check(encode({ clock: lost, elements: [mended] }))
    assert.ok(verdict.verdict === 'diverged')
    assert.match(verdict.reason, 'digest')
  }
})

test('a batch that declares a head past its own clock is not followed', () => {
  const source = grown(10)
  const reader = readerOf(source)
  source.count('key-0')
  const forged = rebuild(element(source, 10), entries => entries, { head: 11 })
  const verdict = reader.log.check(encode({ clock: 10, elements: [forged] }))
  assert.ok(verdict.verdict === 'diverged')
  assert.match(verdict.reason, 'past its clock')
})

test('a deletion of what is live, or not declared, or not held, is refused', () => {
  const source = grown(30, 3)
  const reader = readerOf(source)
  const before = snapshot(reader.log)
  const refused = (deletes: { from: number; to: number }) => {
    throwsCode(() => reader.log.check(encode({ deletes })), 'UPDATE_REFUSED')
    assert.is(snapshot(reader.log), before)
  }
  assert.is(reader.log.head, 0)
  // Nothing is declared yet.
  for (const to of [1, 29, 30, 31, 1000, 2 ** 48]) refused({ from: 0, to })
  refused({ from: 5, to: 6 })
  // Declared, and held, but clock 27 to 29 are live.
  source.count('key-3')
  const declaring = (head: number) => rebuild(element(source, 30), entries => entries, { head })
  for (let to = 28; to <= 31; to++) {
    const bytes = encode({ clock: 30, elements: [declaring(Math.min(to, 30))], deletes: { from: 0, to } })
    throwsCode(() => reader.log.check(bytes), 'UPDATE_REFUSED')
  }
  const good = encode({ clock: 30, elements: [declaring(27)], deletes: { from: 0, to: 27 } })
  assert.is(reader.take(good).verdict, 'new')
  assert.equal([reader.log.head, reader.log.clock, reader.log.structs], [27, 31, 5])
  // Less than what is deleted already says nothing new.
  assert.is(reader.take(encode({ deletes: { from: 0, to: 20 } })).verdict, 'known')
  throwsCode(() => reader.take(encode({ deletes: { from: 0, to: 28 } })), 'UPDATE_REFUSED')
})

test('replacing something else does not make a live entry deletable', () => {
  const source = grown(30, 3)
  const reader = readerOf(source)
  source.count('key-2')
  // Of the entries at 27, 28 and 29, this commit replaces the one at 29.
  const declaring = rebuild(element(source, 30), entries => entries, { head: 28 })
  const bytes = encode({ clock: 30, elements: [declaring], deletes: { from: 0, to: 28 } })
  throwsCode(() => reader.log.check(bytes), 'UPDATE_REFUSED')
})

test('a deletion that skips an earlier one is a gap: nothing is deleted but a prefix', () => {
  const source = grown(200, 1)
  const reader = new Reader()
  const heads = source.updates.map(bytes => decodeLogUpdate(LOG, bytes).deletes)
  const first = heads.findIndex(deletes => deletes !== undefined)
  reader.takeNew(...source.updates.slice(0, first))
  // Its elements come by another way, without the deletion.
  reader.takeNew(encode({ clock: first, elements: [element(source, first)] }))
  const next = heads.findIndex((deletes, clock) => clock > first && deletes !== undefined)
  for (let clock = first + 1; clock < next; clock++) reader.takeNew(source.updates[clock] as Uint8Array)
  assert.equal(reader.log.check(source.updates[next] as Uint8Array), { verdict: 'gap', from: next })
  reader.catchUp(source.log, 1e6)
  sameLog(reader.log, source.log)
})

test('a range of deletions that no log has costs no time', () => {
  // A deleted run of 2^47 elements, then a batch that declares them as the head, then their deletion.
  const forger = new Source()
  forger.count('a')
  const far = 2 ** 47
  const forged = rebuild(element(forger, 0), entries => entries, { head: far })
  const reader = readerOf(grown(10))
  const bytes = encode({ clock: 10, deletedTo: far, elements: [forged], deletes: { from: 0, to: far } })
  const verdict = reader.take(bytes)
  assert.is(verdict.verdict, 'diverged')
  const gapped = readerOf(grown(10))
  gapped.takeNew(encode({ clock: 10, deletedTo: far, elements: [element(forger, 0)] }))
  const more = rebuild(element(forger, 0), entries => entries, { head: far, previous: gapped.log.tip ?? 0 })
  gapped.take(encode({ clock: far + 1, elements: [more], deletes: { from: 0, to: far } }))
  assert.not(gapped.log.complete)
})

/** A source far ahead, of which a reader holds the first `held` commits. */
function behind(held: number, commits = 400, keys = 40): { source: Source; reader: Reader } {
  const source = grown(commits, keys)
  const reader = new Reader()
  reader.takeNew(...source.updates.slice(0, held))
  return { source, reader }
}

test('a log is not complete in the middle of a catch-up across deleted elements, and is at its end', () => {
  for (const held of [0, 10, 100, 250]) {
    for (const bytesMax of [1, 100, 400]) {
      const { source, reader } = behind(held)
      assert.ok(reader.log.complete)
      assert.ok(source.log.head > held)
      let pieces = 0
      reader.catchUp(source.log, bytesMax, () => {
        pieces++
        assert.not(reader.log.complete && reader.log.clock < source.log.head)
        if (pieces === 1) assert.not(reader.log.complete)
        assert.is(reader.reloaded().log.complete, reader.log.complete)
        if (pieces === 3) source.count('key-1', 'key-2', 'key-3')
      })
      assert.ok(pieces > 3)
      assert.ok(reader.log.complete)
      sameLog(reader.log, source.log)
      assert.ok(reader.table.equals(source.table))
    }
  }
})

test('whole catch-ups take one update', () => {
  for (const held of [0, 10, 250, 400]) {
    const { source, reader } = behind(held)
    const { bytes, end, last } = source.log.diff(held, 1e9)
    assert.ok(last && end === source.log.clock)
    reader.take(bytes)
    assert.ok(reader.log.complete)
    sameLog(reader.log, source.log)
    assert.is(source.log.diff(source.log.clock, 1e9).end, source.log.clock)
  }
})

test('in the middle of a catch-up, what others hold of the gap is known, and no damage', () => {
  const { source, reader } = behind(10)
  const piece = source.log.diff(10, 100)
  const update = decodeLogUpdate(LOG, piece.bytes)
  reader.takeNew(piece.bytes)
  // A peer that is further behind still sends elements that this reader knows as deleted.
  const late = encode({ clock: 8, elements: [8, 9, 10, 11].map(clock => element(source, clock)) })
  const before = snapshot(reader.log)
  assert.is(reader.take(late).verdict, 'known')
  assert.is(snapshot(reader.log), before)
  assert.is(throwsCode(() => reader.log.element(update.deletedTo - 1), 'LOG_DAMAGED').code, 'LOG_DAMAGED')
  // Its deletions cannot be judged here: what the gap replaced still looks live.
  const to = 11
  assert.equal(reader.log.check(encode({ deletes: { from: 0, to } })), { verdict: 'gap', from: reader.log.clock })
  reader.catchUp(source.log, 100)
  sameLog(reader.log, source.log)
})

test('the head goes past a gap that begins where a deletion ends', () => {
  // What is at 0 to 3 is replaced at 4 to 6; then 4 is hidden by a gap, and its own deletion of [0, 4) comes late.
  const source = new Source()
  for (const name of ['a', 'a', 'b', 'b']) source.count(name)
  source.count('a', 'b')
  source.count('a', 'b')
  const head = (clock: number, head: number, previous: number) =>
    rebuild(element(source, clock), entries => entries, { head, previous })
  const reader = new Reader()
  reader.takeNew(...source.updates.slice(0, 4))
  const fourth = head(4, 4, reader.log.tip ?? 0)
  reader.takeNew(encode({ clock: 4, deletedTo: 5, elements: [head(5, 5, batchChecksum(fourth))] }))
  assert.equal([reader.log.head, reader.log.clock, reader.log.complete], [0, 6, false])
  reader.takeNew(encode({ clock: 4, elements: [fourth], deletes: { from: 0, to: 4 } }))
  assert.equal([reader.log.head, reader.log.complete], [5, true])
  sameLog(reader.trimmed().log, reader.log)
})

test('a catch-up that hides what is live is found when its end is declared, or hid nothing for long', () => {
  const { source, reader } = behind(0)
  const update = decodeLogUpdate(LOG, source.log.diff(0, 1e9).bytes)
  // The last 20 batches hold 20 of the 40 keys; the others are live in what is hidden.
  const deletedTo = source.log.clock - 20
  const hidden = { ...update, deletedTo, elements: update.elements.slice(-20), deletes: undefined }
  // A forged declaration of the head makes the digest speak at once.
  const forged = hidden.elements.slice()
  forged.push(rebuild(forged.pop() as Uint8Array, entries => entries, { head: deletedTo }))
  const verdict = reader.log.check(encodeLogUpdate(LOG, { ...hidden, elements: forged }))
  assert.ok(verdict.verdict === 'diverged')
  assert.match(verdict.reason, 'digest')
  // Until a batch declares a head as high as the gap, what is hidden may still be moved: the log stays incomplete.
  reader.take(encodeLogUpdate(LOG, hidden))
  assert.not(reader.log.complete)
  while (source.log.head < deletedTo) {
    reader.takeNew(encode({ clock: source.log.clock, elements: [lastOf(source.count('key-0').bytes)] }))
    assert.not(reader.log.complete && source.log.head < deletedTo)
  }
  // By then all of it was moved, and the digest agrees.
  reader.catchUp(source.log, 1e6)
  sameLog(reader.log, source.log)
  assert.ok(reader.table.equals(source.table))
})

test('a check changes nothing, whatever it is given', () => {
  const anyGiven = fc.oneof(
    fc.record({ take: fc.nat(), flip: fc.option(fc.nat()), cut: fc.option(fc.nat(20)) }),
    fc.uint8Array({ maxLength: 200, size: 'max' }),
  )
  const source = grown(150, 4)
  const fork = new Source(LOG, source.updates.slice(0, 60))
  for (let i = 0; i < 60; i++) fork.count(`key-${i % 7}`)
  const pool = [...source.updates, ...fork.updates]
  for (const from of [0, 10, 60, 100, 140]) for (const max of [1, 200, 1e6]) pool.push(source.log.diff(from, max).bytes)
  pool.push(source.log.headUpdate(), fork.log.headUpdate())
  const states: Reader[] = [new Reader(), readerOf(source)]
  const partly = new Reader()
  partly.takeNew(...source.updates.slice(0, 50), source.log.diff(50, 200).bytes)
  states.push(partly)
  const half = new Reader()
  half.takeNew(...source.updates.slice(0, 90))
  states.push(half)
  const seen = states.map(({ log }) => [log.clock, log.head, log.tip, log.structs, `${log.digest}`])
  const befores = states.map(reader => snapshot(reader.log))
  fc.assert(
    fc.property(anyGiven, given => {
      let bytes = given instanceof Uint8Array ? given : new Uint8Array()
      if (!(given instanceof Uint8Array)) {
        bytes = (pool[given.take % pool.length] as Uint8Array).slice()
        const { flip } = given
        if (flip !== null) {
          const bit = flip % (bytes.length * 8)
          bytes[bit >>> 3] = (bytes[bit >>> 3] as number) ^ (1 << (bit & 7))
        }
        bytes = bytes.subarray(0, Math.max(0, bytes.length - (given.cut ?? 0)))
      }
      for (const [i, { log, table }] of states.entries()) {
        const keys = table.size
        refusedOr(() => log.check(bytes))
        assert.is(table.size, keys)
        assert.equal([log.clock, log.head, log.tip, log.structs, `${log.digest}`], seen[i])
      }
    }),
    { numRuns: 2500 },
  )
  assert.equal(
    states.map(reader => snapshot(reader.log)),
    befores,
  )
})

test('no flipped bit of an update changes what is counted', () => {
  // Without the checksum of the frame around it, and of the store: the checks of the log alone.
  const source = grown(80, 3)
  const bytes = source.updates.at(-1) as Uint8Array
  const expected = readerOf(source)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const reader = new Reader()
    reader.takeNew(...source.updates.slice(0, -1))
    const flipped = bytes.slice()
    flipped[bit >>> 3] = (flipped[bit >>> 3] as number) ^ (1 << (bit & 7))
    const before = snapshot(reader.log)
    refusedOr(() => reader.take(flipped))
    const after = snapshot(reader.log)
    if (after !== before) {
      // What may pass is a shorter deletion of the same prefix: it is made good by the next one.
      assert.ok(reader.table.equals(expected.table))
      assert.ok(reader.log.digest.equals(expected.log.digest))
    }
  }
})

test('updates of another log are refused', () => {
  const other = new Source(replicaId(5))
  other.count('a')
  const { log } = new Reader()
  throwsCode(() => log.check(other.updates[0] as Uint8Array), 'UPDATE_REFUSED')
})

test('a replay takes in what check and apply take in, and finds what they find', () => {
  const source = grown()
  sameLog(readerOf(source).reloaded().log, source.log)
  sameLog(readerOf(source).trimmed().log, source.log)

  const [first, second, third] = source.updates as [Uint8Array, Uint8Array, Uint8Array]
  throwsCode(() => new Reader().log.replay(second), 'LOG_DAMAGED')

  const { log } = new Reader()
  log.replay(first)
  throwsCode(() => log.replay(third), 'LOG_DAMAGED')

  const fork = new Source(LOG, [first])
  fork.count('other')
  const forked = new Reader().log
  for (const bytes of [first, second]) forked.replay(bytes)
  throwsCode(() => forked.replay(fork.updates[0] as Uint8Array), 'LOG_DAMAGED')

  const undeclared = new Reader().log
  undeclared.replay(first)
  throwsCode(() => undeclared.replay(encode({ deletes: { from: 0, to: 1 } })), 'LOG_DAMAGED')
})

test('the document never waits for anything, and never changes its client id', () => {
  const { source, reader } = behind(10)
  reader.catchUp(source.log, 100)
  for (const { doc } of [source.log, reader.log] as ReplicaLog[]) {
    assert.is(doc.clientID, 0)
    assert.is(doc.store.pendingStructs, null)
    assert.is(doc.store.pendingDs, null)
    assert.equal([...doc.store.clients.keys()], [LOG])
    assert.equal([...doc.share.keys()], [`log/${LOG}`])
  }
})

test.run()
