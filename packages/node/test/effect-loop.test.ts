import { type CounterKey, counterKey, operationId, storeId, type TallymeshError } from '@tallymesh/crdt'
import type { Hello, Link } from '@tallymesh/link'
import { Replica } from '@tallymesh/replica'
import { MemoryDisk, MemoryStore, openWitness, type Witness } from '@tallymesh/store'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EffectLoop, type LoopEvents } from '../src/effect-loop.js'
import { type Host, processHost } from '../src/host.js'
import { cryptoRandom } from '../src/random.js'
import { Gate } from './lab.js'
import { turn, until } from './wait.js'

const effectLoop = suite('effect-loop')
const PEER: Hello = {
  ...{
    version: 1,
    room: 'lab',
    name: 'b',
    store: storeId('b'.repeat(32)),
    instance: 'b'.repeat(32),
    replica: 0,
    urls: [],
  },
}

class FakeLink implements Link {
  readonly peer = PEER
  readonly dialed = undefined
  readonly queuedBytes = 0
  constructor(readonly story: string[]) {}

  send(kind: number, _body: Uint8Array): void {
    this.story.push(`send ${kind}`)
  }

  close(reason?: TallymeshError): void {
    this.story.push(`close ${reason?.code}`)
  }
}

interface Scene {
  readonly disk: MemoryDisk
  readonly gate: Gate
  readonly witness: Witness
  readonly loop: EffectLoop
  readonly story: string[]
  /** What the loop waited for. */
  readonly delays: readonly number[]
  count(key: string, later?: boolean): void
}

async function scene(run: Host['after'] = processHost.after): Promise<Scene> {
  const disk = new MemoryDisk()
  const store = new MemoryStore({ room: 'lab', random: cryptoRandom, disk })
  const witness = await openWitness({ store: store.id, runtimeDir: false })
  const replica = new Replica({
    ...{
      name: 'a',
      store: store.id,
      instance: 'a'.repeat(32),
      urls: [],
      seeds: [],
      random: cryptoRandom,
      lastNumber: 0,
    },
    ...{ heartbeatMs: 100, antiEntropyMs: 100 },
  })
  replica.start(undefined)
  const story: string[] = []
  witness.write = mark => story.push(`witness ${mark.number}`)
  const events: LoopEvents = {
    acknowledged: commit => story.push(`acknowledge ${commit}`),
    confirmed: ticket => story.push(`confirm ${ticket}`),
    unconfirmed: ticket => story.push(`unconfirm ${ticket}`),
    admitted: () => story.push('admitted'),
    changed: ids => story.push(`changed ${ids.length}`),
    progressed: () => story.push('progressed'),
    timed: () => false,
    committed: () => {},
    persisted: () => story.push(`persisted ${disk.lastCommit?.number ?? 0}`),
    member: ({ name, state }) => story.push(`${name} ${state}`),
    report: ({ code }) => story.push(`report ${code}`),
    failed: cause => {
      story.push(`failed ${(cause as Error).message.slice(0, 40)}`)
      loop.stop()
    },
  }
  const delays: number[] = []
  const after: Host['after'] = (delayMs, act) => {
    delays.push(delayMs)
    return run(delayMs, act)
  }
  const loop: EffectLoop = new EffectLoop(replica, store, witness, events, after)
  return {
    ...{ disk, gate: new Gate(disk), witness, loop, story, delays },
    count(key, later = false) {
      replica.commits.increment(replica.cell(key as CounterKey), 1)
      if (later) loop.flushLater()
      else loop.flushSoon()
    },
  }
}

effectLoop('persists, then tells the witness, then acknowledges, then sends', async () => {
  const { gate, loop, story, count } = await scene()
  loop.opened(new FakeLink(story), [])
  story.splice(0)
  gate.shut()
  count('k')
  assert.equal(story, [], 'everything counted in a turn shares a commit')
  await until('the write waits', () => gate.waiting === 1)
  assert.equal(story, ['changed 1'])
  gate.open()
  await until('it is persisted', () => story.includes('persisted 1'))
  const steps = ['changed 1', 'witness 1', 'acknowledge 1', 'persisted 1']
  assert.equal(
    story.filter(line => !line.startsWith('send')),
    steps,
  )
  assert.ok(story.includes('send 17'))
  assert.ok(story.findIndex(line => line.startsWith('send')) > story.indexOf('acknowledge 1'))
})

effectLoop('writes one commit at a time, and what came meanwhile as the next', async () => {
  const { gate, story, count } = await scene()
  gate.shut()
  count('a')
  await until('the write waits', () => gate.waiting === 1)
  count('b')
  count('c')
  await turn()
  assert.is(gate.waiting, 1)
  gate.step()
  await until('the next write waits', () => gate.waiting === 1)
  assert.ok(story.includes('acknowledge 1'))
  assert.not(story.includes('acknowledge 2'))
  gate.open()
  await until('it is persisted', () => story.includes('persisted 2'))
})

effectLoop('waits a while with what nobody waits for, and writes it with what somebody waits for', async () => {
  const { loop, story, delays, count } = await scene()
  count('a', true)
  count('b', true)
  loop.step({ type: 'tick', nowMs: 1, wallMs: 1 })
  await turn()
  assert.equal(story, [])
  assert.equal(delays, [20])
  count('c')
  await until('all are persisted', () => story.includes('persisted 1'))
  assert.ok(story.includes('changed 3'))
  count('d', true)
  await until('it is persisted by itself', () => story.includes('persisted 2'))
})

effectLoop(
  'settles a burst of operations behind it: by itself after a while, or with what comes a second later',
  async () => {
    const later: (() => void)[] = []
    const { loop, disk, count } = await scene((_, act) => {
      later.push(act)
      return () => {}
    })
    const { operations, room } = loop.replica
    const persisted = async () => {
      const before = disk.lastCommit?.number ?? 0
      loop.flushSoon()
      await until('the next commit', () => (disk.lastCommit?.number ?? 0) > before && loop.replica.settled)
    }
    const take = (number: number) => {
      const id = operationId(`0193${number.toString(16).padStart(28, '0')}`)
      return operations.take(id, [{ key: counterKey('k'), p: 1, n: 0 }], 0)
    }
    loop.step({ type: 'tick', nowMs: 1_000, wallMs: 1_000 })
    operations.admitted()
    await persisted()
    take(1)
    await persisted()
    assert.is(room.ledger.open.size, 1)
    assert.is(later.length, 1, 'it waits for company')
    take(2)
    await persisted()
    assert.is(room.ledger.open.size, 2, 'what comes at once is not kept waiting')
    later[0]?.()
    await until('all are settled', () => room.ledger.open.size === 0)
    take(3)
    await persisted()
    for (let nowMs = 1_050; nowMs < 2_200; nowMs += 50) loop.step({ type: 'tick', nowMs, wallMs: nowMs })
    count('k')
    await persisted()
    assert.is(room.ledger.open.size, 0)
  },
)

effectLoop('acknowledges nothing that the witness does not know', async () => {
  const { witness, story, count } = await scene()
  witness.write = () => {
    throw new Error('the witness is stuck')
  }
  count('k')
  await until('the loop failed', () => story.includes('failed the witness is stuck'))
  assert.not(story.some(line => line.startsWith('acknowledge')))
})

effectLoop('says nothing once it is stopped, whatever the disk answers', async () => {
  for (const failure of [undefined, new Error('no space left')]) {
    const { disk, gate, loop, story, count } = await scene()
    gate.shut()
    if (failure) disk.failure = failure
    count('k')
    await until('the write waits', () => gate.waiting === 1)
    story.splice(0)
    loop.stop()
    gate.open()
    await turn()
    await turn()
    count('later')
    loop.step({ type: 'tick', nowMs: 1 })
    await turn()
    assert.equal(story, [])
    assert.ok(loop.stopped)
  }
})

effectLoop('fails like its disk where the replica throws', async () => {
  const { loop, story } = await scene()
  loop.replica.step = () => {
    throw new RangeError('a bug')
  }
  loop.step({ type: 'tick', nowMs: 1 })
  assert.equal(story, ['failed a bug'])
})

effectLoop('ends a link that takes a frame not, and no other', async () => {
  const { loop, story } = await scene()
  const bad = new FakeLink(story)
  bad.send = () => {
    throw new RangeError('too long')
  }
  loop.opened(bad, [])
  assert.equal([...new Set(story)], ['report STORE_WRITE_FAILED', 'close STORE_WRITE_FAILED', 'b up'])
  assert.not(loop.stopped)
})

effectLoop('carries out no effect that follows the end of the loop', async () => {
  const { loop, story } = await scene()
  const link = new FakeLink(story)
  loop.opened(link, [])
  story.splice(0)
  link.send = () => {
    story.push('send')
    loop.stop()
  }
  loop.step({ type: 'tick', nowMs: 0 })
  loop.step({ type: 'tick', nowMs: 200 })
  assert.equal(story, ['send', 'close undefined'])
})

effectLoop('ignores links that it does not know', async () => {
  const { loop, story } = await scene()
  const link = new FakeLink(story)
  loop.frame(link, 19, new Uint8Array())
  loop.closed(link)
  assert.equal(story, [])
  loop.opened(link, [])
  loop.frame(link, 19, new Uint8Array(3))
  assert.ok(story.includes('close FRAME_DAMAGED'))
  assert.ok(story.includes('report FRAME_DAMAGED'))
  loop.closed(link)
  assert.ok(story.includes('b suspect'))
})

effectLoop('settles those who wait for other stores', async () => {
  const { loop, story, count } = await scene()
  loop.step({ type: 'tick', nowMs: 0 })
  count('k')
  loop.step({ type: 'await', ticket: 1, replicas: 1, timeoutMs: 10 })
  loop.step({ type: 'await', ticket: 2, replicas: 2, timeoutMs: 10 })
  await until('it is durable', () => story.includes('persisted 1'))
  loop.step({ type: 'tick', nowMs: 20 })
  assert.ok(story.includes('confirm 1'))
  assert.ok(story.includes('unconfirm 2'))
})

effectLoop('knows no effect beyond its own', async () => {
  const { loop, story } = await scene()
  loop.replica.step = () => [{ type: 'dance' } as never]
  loop.step({ type: 'flush' })
  assert.match(story[0] ?? '', /failed unknown effect/)
})

effectLoop.run()
