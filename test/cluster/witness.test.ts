// deadline: 300 s
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Cluster } from './cluster.js'
import type { NodeHandle } from './node-handle.js'
import { Tally } from './tally.js'

const witness = suite('the witness')

// The record as packages/store/src/witness-record.ts lays it out.
const RECORD_BYTES = 96
const AT = { magic: 0, store: 8, boot: 24, replica: 60, clock: 68, number: 76, tip: 84, before: 88 }

/** Changes fields of a record and makes its checksum right again. */
function forged(change: (record: Buffer) => void): (file: Buffer) => Buffer {
  return file => {
    change(file)
    file.writeUInt32LE(crc32(file.subarray(0, RECORD_BYTES - 4)), RECORD_BYTES - 4)
    return file
  }
}

/** The tip that the log had before the last commit. */
const withTipBefore = forged(record => record.copyWithin(AT.tip, AT.before, AT.before + 4))

function shifted(at: number, by: number): (file: Buffer) => Buffer {
  return forged(record => record.writeDoubleLE(record.readDoubleLE(at) + by, at))
}

interface Case {
  readonly is: string
  /** What becomes of the file; undefined removes it. */
  readonly edit: ((file: Buffer) => Buffer) | undefined
  readonly resumes: boolean
  readonly behind?: boolean
}

const CASES: readonly Case[] = [
  { is: 'is as it was left', edit: file => file, resumes: true },
  {
    is: 'is one commit older than the store',
    edit: file => shifted(AT.clock, -1)(shifted(AT.number, -1)(withTipBefore(file))),
    resumes: true,
  },
  {
    is: 'is one commit older than the store, in another history',
    edit: file => shifted(AT.clock, -1)(shifted(AT.number, -1)(file)),
    resumes: false,
    behind: true,
  },
  { is: 'knows another commit of the same number', edit: withTipBefore, resumes: false, behind: true },
  { is: 'is two commits older than the store', edit: shifted(AT.number, -2), resumes: false },
  { is: 'is missing', edit: undefined, resumes: false },
  { is: 'is empty', edit: () => Buffer.alloc(0), resumes: false },
  { is: 'is blank', edit: file => file.fill(0), resumes: false },
  { is: 'is torn', edit: file => file.fill(0, RECORD_BYTES / 2), resumes: false },
  {
    is: 'has a flipped bit',
    edit: file => Buffer.from(file.map((byte, i) => (i === AT.clock ? byte ^ 1 : byte))),
    resumes: false,
  },
  {
    is: 'is of an earlier boot',
    edit: forged(record => record.write('00000000-0000-4000-8000-000000000000', AT.boot, 'latin1')),
    resumes: false,
  },
  { is: 'is of another store', edit: forged(record => record.fill(7, AT.store, AT.boot)), resumes: false },
  { is: 'is of another replica id', edit: shifted(AT.replica, 1), resumes: false, behind: true },
  {
    is: 'is ahead of the store',
    edit: file => shifted(AT.clock, 5)(shifted(AT.number, 5)(file)),
    resumes: false,
    behind: true,
  },
  { is: 'has a larger clock than the store', edit: shifted(AT.clock, 1), resumes: false, behind: true },
]

const cluster = new Cluster()
const tally = new Tally()
let a: NodeHandle
/** Its last process. What a case leaves is what the next one begins with. */
let b: NodeHandle

witness.before(async () => {
  const started = await cluster.startAll('a', 'b')
  ;[a, b] = started as [NodeHandle, NodeHandle]
})
witness.after(() => cluster.remove())

/** Lets both count, b some commits on its own. @returns the id of b, and the path of its witness */
async function settled(): Promise<{ id: string; path: string }> {
  await b.linked(1)
  for (let i = 0; i < 5; i++) await Promise.all([tally.add(a, 'orders', 1), tally.add(b, 'orders', 10)])
  await tally.agreed([a, b])
  const store = (await b.call('members')).find(({ self }) => self)?.store
  const id = await b.replica()
  assert.ok(id !== undefined && store !== undefined)
  return { id, path: join(cluster.runtimeDir, `${store}.witness`) }
}

for (const { is, edit, resumes, behind = false } of CASES) {
  witness(
    `that ${is}: ${resumes ? 'the node goes on under its id' : 'the node takes a fresh id'}, and nothing is lost`,
    async () => {
      const { id, path } = await settled()
      await b.kill()
      if (edit) writeFileSync(path, edit(readFileSync(path)))
      else rmSync(path)
      b = await cluster.start('b')
      await tally.add(b, 'orders', 100)
      assert.is((await b.replica()) === id, resumes)
      await tally.agreed([a, b])
      assert.is(
        b.errors.some(({ code }) => code === 'STORE_BEHIND'),
        behind,
        JSON.stringify(b.errors),
      )
      if (behind) assert.match((await b.reported('STORE_BEHIND')).message, /commit/)
    },
  )
}

witness.run()
