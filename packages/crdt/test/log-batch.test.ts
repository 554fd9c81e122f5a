import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Entry, LogWriter, ReplicaLog, replicaId, Table } from '../src/index.js'
import { throwsCode } from './samples.js'

const test = suite('log batch')
const LOG = replicaId(5)

/** An update in which the log names these ids as folded whole. */
function fencing(...ids: number[]): Uint8Array {
  const entry: Entry = { kind: 'fence', number: 0, ids: ids.map(replicaId) }
  return new LogWriter(new ReplicaLog(LOG, new Table())).append([entry]).bytes
}

test('no log ends its own id', () => {
  const update = fencing(4, LOG, 6)
  throwsCode(() => new ReplicaLog(LOG, new Table()).check(update), 'BATCH_DAMAGED')
  throwsCode(() => new ReplicaLog(LOG, new Table()).replay(update), 'BATCH_DAMAGED')
})

test('any log may end others', () => {
  const log = new ReplicaLog(LOG, new Table())
  assert.is(log.check(fencing(4, 6)).verdict, 'new')
  assert.equal(
    log.replay(fencing(4, 6)).map(({ kind }) => kind),
    ['fence'],
  )
})

test.run()
