// A process that runs seeds for the one that started it. Its argument is the address of the module with the simulator.
import { doWork } from './do-work.js'
import type { Simulator } from './simulator.js'
import type { Answer, Request } from './work.js'

const { simulator } = (await import(process.argv[2] as string)) as { simulator: Simulator }
const say = (answer: Answer) => void process.send?.(answer)
const events = {
  at: (seed: number) => say({ type: 'at', seed }),
  shrinking: (text: string) => say({ type: 'shrinking', text }),
}

process.on('message', async (request: Request) => {
  say({ type: 'done', result: await doWork(simulator, request, events) })
})
process.on('disconnect', () => process.exit())
// The terminal tells all processes of an interrupt; the one that started this one decides.
process.on('SIGINT', () => {})
say({ type: 'ready' })
