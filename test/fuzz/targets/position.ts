import type { TallymeshNode } from 'tallymesh'
import { Scratch } from '../../cluster/scratch.js'
import type { Prng } from '../prng.js'
import { bytesOf, textOf } from '../sample-texts.js'
import { codeOf, must, type OpenTarget, type Outcome, type Target } from '../target.js'

/** `node.reached`: positions as `Tallymesh-After` brings them. */
export const position: Target = {
  name: 'position',
  share: 400,
  codes: ['INVALID_OPTION', 'NOT_CAUGHT_UP'],
  open: async () => {
    const scratch = new Scratch()
    try {
      const node = await scratch.open('a')
      await node.counter('orders').increment()
      return new PositionTarget(scratch, node)
    } catch (error) {
      await scratch.remove()
      throw error
    }
  },
}

class PositionTarget implements OpenTarget {
  constructor(
    readonly scratch: Scratch,
    readonly node: TallymeshNode,
  ) {}

  sample(prng: Prng): Uint8Array {
    const own = this.node.position
    const texts = [
      own,
      `${own},1:0`,
      '',
      '1:0',
      'ff:1',
      '1fffffffffffff:9007199254740991',
      own.repeat(600),
      own.replace(/:.*/, ':2'),
    ]
    return bytesOf(prng.pick(texts), prng)
  }

  async feed(bytes: Uint8Array): Promise<Outcome> {
    const text = textOf(bytes)
    const own = this.node.position
    const held = new Map([own.split(':') as [string, string]])
    const wellFormed =
      text === '' ||
      (text.length <= 8_192 && /^[1-9a-f][0-9a-f]{0,13}:\d{1,16}(?:,[1-9a-f][0-9a-f]{0,13}:\d{1,16})*$/.test(text))
    try {
      await this.node.reached(text, 0)
    } catch (error) {
      return codeOf(error)
    }
    must(wellFormed, `the position ${JSON.stringify(text.slice(0, 100))} was reached`)
    for (const part of text === '' ? [] : text.split(',')) {
      const [replica = '', clock = ''] = part.split(':')
      must(Number(clock) <= Number(held.get(replica) ?? 0), `a position of ${part} was reached at ${own}`)
    }
    return 'accepted'
  }

  close(): Promise<void> {
    return this.scratch.remove()
  }
}
